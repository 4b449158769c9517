<?php

namespace App\Http\Controllers;

use App\Database\Work;
use App\Http\Answers;
use App\Models\User;
use App\Services\Tokens;
use Closure;
use Illuminate\Database\UniqueConstraintViolationException;
use Illuminate\Http\Exceptions\HttpResponseException;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Hash;
use Illuminate\Support\Facades\Validator;

class UserController
{
    private const MESSAGES = [
        'required' => "can't be blank",
        'string' => 'must be text',
        'email' => 'is invalid',
        'min' => 'is too short (minimum is :min characters)',
        'max' => 'is too long (maximum is :max characters)',
    ];

    public function __construct(private Tokens $tokens) {}

    public function register(Request $request): JsonResponse
    {
        $data = $this->validated($request, [
            'username' => ['required', 'string', 'max:64'],
            'email' => ['required', 'string', 'email', 'max:190'],
            'password' => ['required', 'string', 'min:8', 'max:72'],
            'bio' => ['nullable', 'string'],
            'image' => ['nullable', 'string', 'max:1024'],
        ]);
        $user = new User($data);
        $this->save($data, null, fn (): bool => $user->save());

        return new JsonResponse($user->answer($this->tokens->issue($user->id)), 201);
    }

    public function login(Request $request): JsonResponse
    {
        $data = $this->validated($request, [
            'email' => ['required', 'string'],
            'password' => ['required', 'string'],
        ]);
        $user = User::query()->where('email', $data['email'])->first();
        if ($user === null || ! Hash::check($data['password'], $user->password)) {
            return Answers::error(['credentials' => ['invalid']], 401);
        }

        return new JsonResponse($user->answer($this->tokens->issue($user->id)));
    }

    public function show(Request $request): JsonResponse
    {
        return new JsonResponse($request->user()->answer($request->attributes->get('token')));
    }

    public function update(Request $request): JsonResponse
    {
        $data = $this->validated($request, [
            'username' => ['sometimes', 'required', 'string', 'max:64'],
            'email' => ['sometimes', 'required', 'string', 'email', 'max:190'],
            'password' => ['sometimes', 'required', 'string', 'min:8', 'max:72'],
            'bio' => ['sometimes', 'nullable', 'string'],
            'image' => ['sometimes', 'nullable', 'string', 'max:1024'],
        ]);
        $user = $request->user();
        $this->save($data, $user, fn (): bool => $user->fill($data)->save());

        return new JsonResponse($user->answer($request->attributes->get('token')));
    }

    /**
     * @param  array<string, list<string>>  $rules
     * @return array<string, string|null>
     */
    private function validated(Request $request, array $rules): array
    {
        $given = $request->input('user');

        return Validator::make(is_array($given) ? $given : [], $rules, self::MESSAGES)->validate();
    }

    /**
     * Save in one transaction; a name or address that somebody else has is answered with 409.
     *
     * Two requests may both find a name free: then the table's unique key decides.
     *
     * @param  array<string, string|null>  $data
     */
    private function save(array $data, ?User $self, Closure $work): void
    {
        try {
            Work::run(function () use ($data, $self, $work): void {
                $this->refuseTaken($data, $self);
                $work();
            });
        } catch (UniqueConstraintViolationException $e) {
            Work::run(fn () => $this->refuseTaken($data, $self));
            throw $e;
        }
    }

    /**
     * @param  array<string, string|null>  $data
     */
    private function refuseTaken(array $data, ?User $self): void
    {
        $errors = [];
        foreach (['username', 'email'] as $field) {
            $others = User::query()->where($field, $data[$field] ?? null);
            if (isset($data[$field]) && $others->whereKeyNot($self?->id ?? 0)->exists()) {
                $errors[$field] = ['has already been taken'];
            }
        }
        if ($errors !== []) {
            throw new HttpResponseException(Answers::error($errors, 409));
        }
    }
}
