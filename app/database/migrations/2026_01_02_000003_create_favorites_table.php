<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('favorites', function (Blueprint $table): void {
            $table->foreignId('article_id')->constrained();
            $table->foreignId('user_id')->constrained();
            $table->primary(['article_id', 'user_id']);
        });
    }

    public function down(): void
    {
        Schema::dropIfExists('favorites');
    }
};
