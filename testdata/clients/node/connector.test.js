import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {test} from 'node:test';
import Stripe from 'stripe';
import {startReceiver, startServer} from './server.js';

// What Stripe's library signs is taken in, once, and delivered.
test('Stripe connector', async (t) => {
  const secret = 'whsec_a_secret_that_stripe_made';
  const stripe = new Stripe('sk_test_unused');
  const server = await startServer(t);
  const receiver = await startReceiver(t);
  await server.call('PUT', '/v1/organizations/default/connectors/stripe', {signing_secrets: [secret]});
  await server.call('POST', '/v1/endpoints', {url: receiver.url, payload_format: 'raw'});

  // post posts an event as Stripe does.
  const post = async (payload, timestamp) => {
    const signature = stripe.webhooks.generateTestHeaderString({payload, secret, timestamp});
    const headers = {'content-type': 'application/json; charset=utf-8', 'stripe-signature': signature};
    const response = await fetch(new URL('/v1/orgs/default/integrations/stripe', server.url), {method: 'POST', headers, body: payload});
    return {status: response.status, ...(await response.json())};
  };
  for (const name of ['snapshot/invoice_paid.json', 'notification/account_created.json']) {
    const payload = await readFile(new URL(`../../stripe/${name}`, import.meta.url), 'utf8');
    const first = await post(payload);
    assert.equal(first.action, 'triggered', name);
    assert.equal(first.runIds.length, 1);
    const delivery = await receiver.next();
    assert.equal(delivery.headers['webhook-id'], first.eventId);
    assert.ok(payload.includes(delivery.body), 'the data as it stands in the event');

    const again = await post(payload);
    assert.deepEqual([again.action, again.reason, again.eventId], ['skipped', 'duplicate_event', first.eventId]);
    const old = await post(payload, Math.floor(Date.now() / 1000) - 600);
    assert.equal(old.status, 401);
  }
});
