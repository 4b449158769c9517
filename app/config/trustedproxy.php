<?php

return [
    // Addresses of the balancers, whose word about a client counts; by commas. None is no null, for which
    // Laravel would believe whoever names some hosts of its makers.
    'proxies' => array_values(array_filter(array_map(trim(...), explode(',', (string) env('TRUSTED_PROXIES'))))),
];
