<?php

namespace App\Database;

use Illuminate\Contracts\Events\Dispatcher;
use Illuminate\Database\Events\TransactionBeginning;
use Illuminate\Database\Events\TransactionCommitted;
use Illuminate\Database\Events\TransactionCommitting;

/**
 * Knows how far the transactions of a request have come: what has not been committed may be done
 * again, what may have been must not.
 */
class CommitWatch
{
    // COMMIT is on its way, and nothing has been heard of it.
    private bool $unanswered = false;

    private bool $committed = false;

    public function subscribe(Dispatcher $events): void
    {
        $events->listen(TransactionBeginning::class, [self::class, 'begins']);
        $events->listen(TransactionCommitting::class, [self::class, 'commits']);
        $events->listen(TransactionCommitted::class, [self::class, 'hasCommitted']);
    }

    public function forget(): void
    {
        $this->unanswered = $this->committed = false;
    }

    public function hasBegun(): bool
    {
        return $this->unanswered || $this->committed;
    }

    public function isUnanswered(): bool
    {
        return $this->unanswered;
    }

    public function begins(TransactionBeginning $event): void
    {
        // A unit of work is tried again after a conflict alone: the COMMIT before was refused.
        $this->unanswered = false;
    }

    public function commits(TransactionCommitting $event): void
    {
        $this->unanswered = true;
    }

    public function hasCommitted(TransactionCommitted $event): void
    {
        if ($event->connection->transactionLevel() === 0) {
            $this->unanswered = false;
            $this->committed = true;
        }
    }
}
