import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { LockstepError } from '../errors.ts';
import { hostAndPort, listenHttp as listen } from './listen.ts';

/** A server whose listening fails with this code, for causes that a test cannot bring about on every machine. */
function failing(code: string): Server {
  const server = new EventEmitter() as Server;
  server.listen = () => {
    server.emit('error', Object.assign(new Error(`listen ${code}`), { code }));
    return server;
  };
  return server;
}

const cases = [
  ['EADDRINUSE', 'address-in-use', /another process uses that port.*--metrics-port/],
  ['EACCES', 'address-invalid', /may not use that port.*1024.*--metrics-port/],
  ['EADDRNOTAVAIL', 'address-invalid', /no network interface.*--metrics-host/],
  ['ENOTFOUND', 'address-invalid', /the name nowhere cannot be resolved.*--metrics-host/],
  ['EAI_AGAIN', 'address-invalid', /cannot be resolved/],
  ['EINVAL', 'address-invalid', /listen EINVAL.*--metrics-host/],
] as const;

for (const [cause, code, sentence] of cases) {
  test(`${cause} becomes ${code}, with what to do`, async () => {
    await assert.rejects(listen(failing(cause), 'nowhere', 80), (error) => {
      assert.ok(error instanceof LockstepError);
      assert.equal(error.code, code);
      assert.match(error.message, /^metrics cannot be served on nowhere:80: /);
      assert.match(error.message, sentence);
      return true;
    });
  });
}

test('a port that is taken is refused by the real thing, and stays with its owner', async () => {
  const owner = createServer();
  const { port } = await listen(owner, '127.0.0.1', 0);
  const second = createServer();
  await assert.rejects(listen(second, '127.0.0.1', port), { code: 'address-in-use' });
  assert.equal((owner.address() as AddressInfo).port, port);
  await new Promise((resolve) => owner.close(resolve));
});

test('an address of no interface is refused by the real thing', async () => {
  await assert.rejects(listen(createServer(), '192.0.2.1', 0), { code: 'address-invalid' });
});

test('IPv6 addresses are written in brackets', () => {
  assert.equal(hostAndPort('::1', 9464), '[::1]:9464');
  assert.equal(hostAndPort('127.0.0.1', 9464), '127.0.0.1:9464');
});
