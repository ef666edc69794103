-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- What mod_lua shows of a request: variables as NAME=VALUE, headers as
-- Name: value, the user, and the body after an empty line.

function handle(r)
    local note = assert(io.open("@DIR@/reached", "a"))
    note:write("lua\n")
    note:close()
    r.content_type = "text/plain"
    -- All variables, each also read by its name in another case.
    for name, value in pairs(r:subprocess_env_table()) do
        assert(r.subprocess_env[name:lower()] == value, name)
        r:puts(name, "=", value, "\n")
    end
    for name, value in pairs(r:headers_in_table()) do
        assert(r.headers_in[name:upper()] == value, name)
        r:puts(name, ": ", value, "\n")
    end
    if r.user then r:puts("REMOTE_USER=", r.user, "\n") end
    if r.ap_auth_type then r:puts("AUTH_TYPE=", r.ap_auth_type, "\n") end
    r:puts("\n")
    -- puts() would end with the first zero byte.
    r:write(r:requestbody() or "")
    return apache2.OK
end
