<?php

namespace Tests\Feature;

use Illuminate\Support\Facades\DB;
use Tests\TestCase;

/**
 * What Group Replication asks of a schema, and of those who read.
 */
class SchemaTest extends TestCase
{
    public function test_every_table_has_a_primary_key(): void
    {
        $without = DB::select(
            "select t.table_name as name from information_schema.tables t left join information_schema.table_constraints c
                on c.table_schema = t.table_schema and c.table_name = t.table_name and c.constraint_type = 'PRIMARY KEY'
             where t.table_schema = database() and t.table_type = 'BASE TABLE' and c.constraint_name is null",
        );
        $this->assertSame([], $without);
    }

    public function test_no_foreign_key_cascades(): void
    {
        $rules = DB::select(
            'select distinct delete_rule as deleted, update_rule as updated
             from information_schema.referential_constraints where constraint_schema = database()',
        );
        $this->assertEquals([(object) ['deleted' => 'NO ACTION', 'updated' => 'NO ACTION']], $rules);
    }

    public function test_reading_and_writing_wait_for_what_was_written_before(): void
    {
        $level = 'select @@session.group_replication_consistency as level';
        $this->assertSame('BEFORE', DB::selectOne($level)->level);
        $this->assertSame('BEFORE', DB::selectFromWriteConnection($level)[0]->level);
        $connections = array_map(
            fn ($pdo) => $pdo->query('select connection_id()')->fetchColumn(),
            [DB::connection()->getReadPdo(), DB::connection()->getPdo()],
        );
        $this->assertNotSame(...$connections);
    }
}
