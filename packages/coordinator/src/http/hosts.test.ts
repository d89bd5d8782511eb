import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { isOwnHost } from './hosts.ts';

test('addresses, loopback names, the name of the machine and the one that was asked for are its own', () => {
  for (const host of ['127.0.0.1:9464', '192.0.2.7', '[::1]:9464', '[::1]', 'localhost', 'LOCALHOST:1', hostname(), `${hostname()}:80`])
    assert.ok(isOwnHost(host, '127.0.0.1'), host);
  assert.ok(isOwnHost('trainer.example:9464', 'Trainer.example'));
});

test('any other name is not, nor is what is no host', () => {
  for (const host of [
    undefined,
    '',
    'evil.example',
    'evil.example:9464',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost:x',
    'a b',
  ])
    assert.ok(!isOwnHost(host, '127.0.0.1'), String(host));
});
