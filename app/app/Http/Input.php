<?php

namespace App\Http;

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Validator;

/**
 * What a request brings, after its validation; what is wrong is answered with 422.
 */
class Input
{
    // Text of one line: no control characters, and nothing else that ends a line.
    public const LINE = 'regex:/\A[^\p{Cc}\p{Zl}\p{Zp}]*+\z/u';

    // Any text. The database takes a NUL for nothing at all: with one, two words are the same.
    public const TEXT = 'regex:/\A[^\x00]*+\z/u';

    private const MESSAGES = [
        'required' => "can't be blank",
        'string' => 'must be text',
        'email' => 'is invalid',
        'list' => 'must be a list',
        'integer' => 'must be a whole number',
        'min' => [
            'string' => 'is too short (minimum is :min characters)',
            'numeric' => 'must be at least :min',
        ],
        'max' => [
            'string' => 'is too long (maximum is :max characters)',
            'numeric' => 'must be at most :max',
            'array' => 'has too many items (maximum is :max)',
        ],
        'regex' => 'has characters that are not allowed',
        'not_regex' => 'has characters that are not allowed',
        'not_in' => 'is not allowed',
        'password.regex' => 'is too long (maximum is 72 bytes)',
    ];

    /**
     * @param  array<string, list<string>>  $rules
     * @return array<string, mixed>
     */
    public static function body(Request $request, string $subject, array $rules): array
    {
        // Not what the address says: that is in logs.
        $given = $request->request->all()[$subject] ?? null;

        return self::validated(is_array($given) ? $given : [], $rules);
    }

    /**
     * @param  array<string, list<string>>  $rules
     * @return array<string, mixed>
     */
    public static function query(Request $request, array $rules): array
    {
        return self::validated($request->query(), $rules);
    }

    /**
     * @param  array<string, mixed>  $given
     * @param  array<string, list<string>>  $rules
     * @return array<string, mixed>
     */
    private static function validated(array $given, array $rules): array
    {
        return Validator::make($given, $rules, self::MESSAGES)->validate();
    }
}
