// Licensed under the Apache License, Version 2.0; see LICENSE.
//
// mcp_client.mjs SDK CLIENTS: clients of the TypeScript SDK, one after the other.
// CLIENTS is JSON, [{url, key, provider}, ...].  With a key the client sends that
// in requestInit's headers; with "provider" it would get a token otherwise.  It
// connects, lists the tools, calls each of them, and says in JSON what came of
// it and which URLs were asked.

import { pathToFileURL } from 'node:url';

const [sdk, clients] = process.argv.slice(2);
const load = (name) =>
    import(pathToFileURL(`${sdk}/dist/esm/client/${name}.js`).href);
const { Client } = await load('index');
const { StreamableHTTPClientTransport } = await load('streamableHttp');

// The headers of the revision of 2026-07-28, which this SDK does not send yet.
const asking = (said) => async (to, init = {}) => {
    const headers = new Headers(init.headers);
    if (init.method === 'POST' && String(to).endsWith('/mcp')) {
        const call = JSON.parse(init.body);
        headers.set('Mcp-Method', call.method);
        if (call.params?.name) {
            headers.set('Mcp-Name', call.params.name);
        }
    }
    const answer = await fetch(to, { ...init, headers });
    said.asked.push([answer.status, new URL(to).pathname,
                     answer.headers.get('WWW-Authenticate')]);
    return answer;
};

const nobody = {
    redirectUrl: 'http://127.0.0.1/callback',
    clientMetadata: { redirect_uris: ['http://127.0.0.1/callback'],
                      client_name: 'test' },
    clientInformation: () => undefined,
    saveClientInformation: () => {},
    tokens: () => undefined,
    saveTokens: () => {},
    redirectToAuthorization: () => {},
    saveCodeVerifier: () => {},
    codeVerifier: () => 'x',
};

const trying = async (what) => {
    try {
        return await what();
    } catch (error) {
        return { error: String(error.message), code: error.code };
    }
};

const run = async ({ url, key, provider }) => {
    const said = { asked: [], tools: [], calls: {} };
    const client = new Client({ name: 'test', version: '1' });
    const transport = new StreamableHTTPClientTransport(new URL(url), {
        fetch: asking(said),
        requestInit: key ? { headers: { Authorization: `Bearer ${key}` } } : {},
        authProvider: provider ? nobody : undefined,
    });
    said.connected = (await trying(() => client.connect(transport))) ?? true;
    if (said.connected === true) {
        said.tools = (await client.listTools()).tools.map((tool) => tool.name);
        for (const name of said.tools) {
            const done = await trying(() => client.callTool({ name }));
            said.calls[name] = done.content?.[0]?.text ?? done;
        }
        await client.close();
    }
    return said;
};

const said = [];
for (const one of JSON.parse(clients)) {
    said.push(await run(one));
}
console.log(JSON.stringify(said));
