<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('comments', function (Blueprint $table): void {
            $table->id();
            $table->foreignId('article_id')->constrained();
            $table->foreignId('author_id')->constrained('users');
            $table->text('body');
            $table->timestamps(3);
        });
    }

    public function down(): void
    {
        Schema::dropIfExists('comments');
    }
};
