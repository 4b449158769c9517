<?php

namespace App\Http\Controllers;

use App\Database\Work;
use App\Http\Answers;
use App\Http\Input;
use App\Models\User;
use App\Services\Tokens;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Hash;

class UserController
{
    private const RULES = [
        'username' => ['required', 'string', 'max:64'],
        'email' => ['required', 'string', 'email', 'max:190'],
        // bcrypt takes 72 bytes and ignores what follows; without the modifier u each dot is a byte.
        'password' => ['bail', 'required', 'string', 'min:8', 'max:72', 'regex:/\A.{0,72}\z/s'],
        'bio' => ['nullable', 'string', 'max:10000'],
        'image' => ['nullable', 'string', 'max:1024'],
    ];

    public function __construct(private Tokens $tokens) {}

    public function register(Request $request): JsonResponse
    {
        $data = $this->hashed(Input::body($request, 'user', self::RULES));
        $user = Work::run(function () use ($data): User {
            $this->refuseTaken($data);

            return User::create($data);
        });

        return new JsonResponse($user->answer($this->tokens->issue($user->id)), 201);
    }

    public function login(Request $request): JsonResponse
    {
        $data = Input::body($request, 'user', [
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
        $rules = array_map(fn (array $rules): array => ['sometimes', ...$rules], self::RULES);
        $data = $this->hashed(Input::body($request, 'user', $rules));
        $user = Work::run(function () use ($request, $data): User {
            $user = User::query()->findOrFail($request->user()->id);
            $this->refuseTaken($data, $user);
            $user->update($data);

            return $user;
        });

        return new JsonResponse($user->answer($request->attributes->get('token')));
    }

    /**
     * With the password hashed: that takes long, and would otherwise be done within the transaction.
     *
     * @param  array<string, string|null>  $data
     * @return array<string, string|null>
     */
    private function hashed(array $data): array
    {
        return isset($data['password']) ? [...$data, 'password' => Hash::make($data['password'])] : $data;
    }

    /**
     * @param  array<string, string|null>  $data
     */
    private function refuseTaken(array $data, ?User $self = null): void
    {
        $errors = [];
        foreach (['username', 'email'] as $field) {
            $others = User::query()->where($field, $data[$field] ?? null)->whereKeyNot($self?->id ?? 0);
            if (isset($data[$field]) && $others->exists()) {
                $errors[$field] = ['has already been taken'];
            }
        }
        if ($errors !== []) {
            Answers::refuse($errors, 409);
        }
    }
}
