<?php

use Pdo\Mysql;

// PHP 8.4 brought the driver's own constants, 8.5 deprecates the old ones.
[$initCommand, $sslCa, $sslVerify] = PHP_VERSION_ID >= 80400
    ? [Mysql::ATTR_INIT_COMMAND, Mysql::ATTR_SSL_CA, Mysql::ATTR_SSL_VERIFY_SERVER_CERT]
    : [PDO::MYSQL_ATTR_INIT_COMMAND, PDO::MYSQL_ATTR_SSL_CA, PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT];

// A persistent connection would stick to a member that has left the group.
$options = array_filter([
    PDO::ATTR_PERSISTENT => false,
    PDO::ATTR_TIMEOUT => (int) (env('DB_CONNECT_TIMEOUT') ?: 3),
    $sslCa => env('MYSQL_ATTR_SSL_CA'),
    // The server has to show a certificate of that authority, which names the address in DB_HOST.
    $sslVerify => env('MYSQL_ATTR_SSL_CA') ? true : null,
], fn (mixed $value): bool => $value !== null && $value !== '');

$consistency = env('DB_CONSISTENCY') ?: null;
$levels = ['EVENTUAL', 'BEFORE_ON_PRIMARY_FAILOVER', 'BEFORE', 'AFTER', 'BEFORE_AND_AFTER'];
if ($consistency !== null && ! in_array($consistency, $levels, true)) {
    throw new InvalidArgumentException('DB_CONSISTENCY must be one of '.implode(', ', $levels).'.');
}
// On both ways: a unit of work, too, looks before it writes, and the member that takes it may not
// have applied yet what was written, or read, on another one a moment ago.
if ($consistency !== null) {
    $options[$initCommand] = "SET SESSION group_replication_consistency = '{$consistency}'";
}

return [
    'default' => env('DB_CONNECTION') ?: 'mysql',

    'connections' => [
        'mysql' => [
            'driver' => 'mysql',
            'host' => env('DB_HOST') ?: '127.0.0.1',
            'database' => env('DB_DATABASE') ?: 'realworld',
            'username' => env('DB_USERNAME'),
            'password' => env('DB_PASSWORD'),
            'charset' => 'utf8mb4',
            'collation' => 'utf8mb4_0900_ai_ci',
            'prefix' => '',
            'strict' => true,
            'engine' => 'InnoDB',
            'options' => $options,
            'write' => ['port' => env('DB_PORT') ?: 3306],
            'read' => ['port' => env('DB_READ_PORT') ?: env('DB_PORT') ?: 3306],
            // What a request has written it reads from where it wrote it.
            'sticky' => true,
        ],
    ],

    'migrations' => [
        'table' => 'migrations',
        'update_date_on_publish' => true,
    ],
];
