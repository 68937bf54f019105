import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Webhook} from 'standardwebhooks';
import {startReceiver, startServer} from './server.js';

// What is delivered verifies with the library of Standard Webhooks, and what
// was tampered with does not.
test('Standard Webhooks', async (t) => {
  const server = await startServer(t);
  const receiver = await startReceiver(t);
  const {secret} = await server.call('POST', '/v1/endpoints', {url: receiver.url});
  const library = new Webhook(secret);
  const id = await server.post({type: 'invoice.paid', data: {amount: 100}});
  const {headers, body} = await receiver.next();
  assert.equal(library.verify(body, headers).id, id);
  assert.throws(() => library.verify(body + ' ', headers), 'a body that was changed');
});
