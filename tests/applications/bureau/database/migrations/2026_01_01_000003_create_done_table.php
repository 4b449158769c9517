<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('done', function (Blueprint $table): void {
            $table->id();
            $table->string('job')->index();
            $table->string('release');
            $table->boolean('whole');
        });
        Schema::create('ticks', function (Blueprint $table): void {
            $table->id();
            $table->string('release');
            $table->timestamp('at', 3)->useCurrent();
        });
    }
};
