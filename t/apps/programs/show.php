<?php
// Licensed under the Apache License, Version 2.0; see LICENSE.
//
// What PHP knows of a request, one NAME=VALUE per line: $_SERVER, whatever
// getenv() knows beside it, and the body after an empty line.

file_put_contents('@DIR@/reached', "php\n", FILE_APPEND);
header('Content-Type: text/plain');
foreach ($_SERVER + getenv() as $name => $value) {
    if (is_string($value)) {
        echo $name, '=', addcslashes($value, "\r\n\\"), "\n";
    }
}
echo "\n", file_get_contents('php://input');
