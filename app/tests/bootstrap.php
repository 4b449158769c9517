<?php

// The deployed class map is authoritative and knows nothing of the tests.
$loader = require __DIR__.'/../vendor/autoload.php';
$loader->setClassMapAuthoritative(false);
$loader->addPsr4('Tests\\', __DIR__);
