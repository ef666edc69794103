# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# What a program of mod_wsgi knows of a request, one NAME=VALUE per line, and the
# body after an empty line.

import re


def application(environ, start_response):
    with open('@DIR@/reached', 'a') as note:
        note.write('wsgi\n')
    text = ''.join(
        '%s=%s\n' % (name, re.sub(r'[\n\r\\]',
                                  lambda c: '\\x%02x' % ord(c[0]), value))
        for name, value in sorted(environ.items()) if type(value) is str)
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [text.encode('latin-1') + b'\n' + body]
