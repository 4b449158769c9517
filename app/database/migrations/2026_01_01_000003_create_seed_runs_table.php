<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

// Salt records here that a seeder has run (laravel.seed).
return new class extends Migration
{
    public function up(): void
    {
        Schema::create('seed_runs', function (Blueprint $table): void {
            $table->string('seeder', 190)->primary();
            $table->timestamp('seeded_at', 3);
        });
    }

    public function down(): void
    {
        Schema::dropIfExists('seed_runs');
    }
};
