<?php

namespace App\Http\Controllers;

use App\Database\Work;
use App\Http\Answers;
use App\Http\Input;
use App\Models\User;
use App\Services\LoginLimits;
use App\Services\Passwords;
use App\Services\Tokens;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

class UserController
{
    private const RULES = [
        // It becomes a part of a path, which a slash would cut, and clients shorten dots.
        'username' => ['bail', 'required', 'string', 'max:64', Input::LINE, 'not_regex:~[/\\\\]~', 'not_in:.,..'],
        'email' => ['bail', 'required', 'string', Input::LINE, 'email', 'max:190'],
        // bcrypt takes no NUL, and 72 bytes and ignores what follows; without the modifier u each dot is a byte.
        'password' => ['bail', 'required', 'string', 'min:8', 'max:72', 'regex:/\A.{0,72}\z/s', 'not_regex:/\x00/'],
        'bio' => ['bail', 'nullable', 'string', 'max:10000', Input::TEXT],
        'image' => ['bail', 'nullable', 'string', 'max:1024', Input::LINE],
    ];

    public function __construct(
        private Tokens $tokens,
        private LoginLimits $limits,
        private Passwords $passwords,
    ) {}

    public function register(Request $request): JsonResponse
    {
        $data = Input::body($request, 'user', self::RULES);
        // Asked for within the transaction, too: this spares a name that is taken the hash.
        $this->refuseTaken($data);
        $data = $this->hashed($data);
        $user = Work::run(function () use ($data): User {
            $this->refuseTaken($data);

            return User::create($data);
        });

        return new JsonResponse($user->answer($this->tokens->issue($user)), 201);
    }

    public function login(Request $request): JsonResponse
    {
        $data = Input::body($request, 'user', [
            'email' => ['bail', 'required', 'string', Input::LINE],
            'password' => ['required', 'string'],
        ]);
        $of = [$this->account($data['email']), (string) $request->ip()];
        $wait = $this->limits->wait(...$of);
        if ($wait > 0) {
            return Answers::error(
                ['credentials' => ["were wrong too often, try again in {$wait} seconds"]],
                429,
                ['Retry-After' => (string) $wait],
            );
        }
        $user = User::query()->where('email', $data['email'])->first();
        if (! $this->passwords->knows($user?->password, $data['password'])) {
            $this->limits->failed(...$of);

            return Answers::error(['credentials' => ['invalid']], 401);
        }

        return new JsonResponse($user->answer($this->tokens->issue($user)));
    }

    public function show(Request $request): JsonResponse
    {
        return new JsonResponse($request->user()->answer($request->attributes->get('token')));
    }

    public function update(Request $request): JsonResponse
    {
        $rules = array_map(fn (array $rules): array => ['sometimes', ...$rules], self::RULES);
        $data = Input::body($request, 'user', $rules);
        $this->refuseTaken($data, $request->user());
        $data = $this->hashed($data);
        $user = Work::run(function () use ($request, $data): User {
            $user = User::query()->findOrFail($request->user()->id);
            $this->refuseTaken($data, $user);
            $user->update($data);

            return $user;
        });

        // The tokens of the password before are none any more.
        $token = isset($data['password']) ? $this->tokens->issue($user) : $request->attributes->get('token');

        return new JsonResponse($user->answer($token));
    }

    /**
     * An address as the one counts whose it is: the database compares without case, accents and width.
     */
    private function account(string $email): string
    {
        return mb_check_encoding($email, 'ASCII') ? $email : (string) (User::query()->where('email', $email)->value('email') ?? $email);
    }

    /**
     * With the password hashed: that takes long, and would otherwise be done within the transaction.
     *
     * @param  array<string, string|null>  $data
     * @return array<string, string|null>
     */
    private function hashed(array $data): array
    {
        return isset($data['password']) ? [...$data, 'password' => $this->passwords->hash($data['password'])] : $data;
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
