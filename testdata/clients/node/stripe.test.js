import assert from 'node:assert/strict';
import {test} from 'node:test';
import Stripe from 'stripe';
import {startReceiver, startServer} from './server.js';

// stripeClient is Stripe's client, pointed at the server and acting by a key.
function stripeClient(server, key = server.key) {
  return new Stripe(key, {host: server.url.hostname, port: server.url.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false});
}

// newDestination is what a destination of this test is created with.
function newDestination(receiver, name, payload) {
  return {
    name,
    type: 'webhook_endpoint',
    event_payload: payload,
    enabled_events: ['v1.billing.meter.error_report_triggered', 'invoice.*'],
    webhook_endpoint: {url: receiver.url},
    include: ['webhook_endpoint.signing_secret', 'webhook_endpoint.url'],
  };
}

test('Stripe: a destination\'s life', async (t) => {
  const server = await startServer(t);
  const receiver = await startReceiver(t);
  const {eventDestinations} = stripeClient(server).v2.core;
  const made = await eventDestinations.create({
    ...newDestination(receiver, 'First', 'thin'), description: 'of all', events_from: ['@self'], metadata: {team: 'a', floor: '3'},
  });
  assert.equal(made.object, 'v2.core.event_destination');
  assert.equal(made.name, 'First');
  assert.equal(made.status, 'enabled');
  assert.equal(made.webhook_endpoint.url, receiver.url);
  assert.match(made.webhook_endpoint.signing_secret, /^whsec_/);
  assert.deepEqual(made.events_from, ['@self']);
  assert.deepEqual(made.metadata, {team: 'a', floor: '3'});
  assert.match(made.lastResponse.requestId, /^req_/);

  const changed = await eventDestinations.update(made.id, {name: 'Renamed', metadata: {team: null, room: '5'}, include: ['webhook_endpoint.url']});
  assert.equal(changed.name, 'Renamed');
  assert.equal(changed.description, 'of all');
  assert.deepEqual(changed.metadata, {floor: '3', room: '5'});

  const disabled = await eventDestinations.disable(made.id);
  assert.equal(disabled.status, 'disabled');
  assert.deepEqual(disabled.status_details, {disabled: {reason: 'user'}});
  assert.equal((await eventDestinations.enable(made.id)).status, 'enabled');

  const read = await eventDestinations.retrieve(made.id, {include: ['webhook_endpoint.url']});
  assert.equal(read.webhook_endpoint.url, receiver.url);
  assert.equal(read.webhook_endpoint.signing_secret, null);
  assert.equal(read.created, made.created);

  assert.equal((await eventDestinations.del(made.id)).id, made.id);
  await assert.rejects(eventDestinations.retrieve(made.id), {type: 'StripeInvalidRequestError', statusCode: 404, code: 'not_found'});
});

test('Stripe: a list is read to its end by itself', async (t) => {
  const server = await startServer(t);
  const receiver = await startReceiver(t);
  const {core} = stripeClient(server).v2;
  const made = [];
  for (let i = 0; i < 5; i++) made.unshift((await core.eventDestinations.create(newDestination(receiver, `${i}`, 'thin'))).id);
  const listed = [];
  for await (const destination of core.eventDestinations.list({limit: 2, include: ['webhook_endpoint.url']})) {
    assert.equal(destination.webhook_endpoint.url, receiver.url);
    listed.push(destination.id);
  }
  assert.deepEqual(listed, made);

  const posted = [];
  for (let i = 0; i < 5; i++) posted.unshift(await server.post({type: 'order.paid', data: {}}));
  const events = [];
  for await (const event of core.events.list({limit: 2, types: ['order.paid', 'order.sent'], created: {gte: '2020-01-01T00:00:00Z'}})) events.push(event.id);
  assert.deepEqual(events, posted);
});

test('Stripe: each kind of refusal is an error of its own class', async (t) => {
  const server = await startServer(t);
  const receiver = await startReceiver(t);
  const stripe = stripeClient(server);
  const {eventDestinations} = stripe.v2.core;
  const create = (name) => eventDestinations.create(newDestination(receiver, name, 'thin'), {idempotencyKey: 'once'});
  const first = await create('First');
  const again = await create('First');
  assert.equal(again.id, first.id);
  assert.equal(again.webhook_endpoint.signing_secret, first.webhook_endpoint.signing_secret);
  await assert.rejects(create('Other'), {type: 'StripeIdempotencyError', statusCode: 409, code: 'idempotency_error'});
  await assert.rejects(eventDestinations.create(newDestination(receiver, '', 'thin')), {type: 'StripeInvalidRequestError', statusCode: 400, code: 'invalid_fields'});
  await assert.rejects(stripeClient(server, 'sk_test_nobody').v2.core.eventDestinations.list(), {type: 'StripeAuthenticationError', statusCode: 401});
  const reader = await server.call('POST', '/v1/organizations/default/api-keys', {name: 'reader', scopes: ['events:read']});
  await assert.rejects(stripeClient(server, reader.plaintext_api_key).v2.core.eventDestinations.list(), {type: 'StripePermissionError', statusCode: 403});

  // It repeats requests that fail, but not what it is told is futile.
  let tries = 0;
  const patient = new Stripe(server.key, {host: server.url.hostname, port: server.url.port, protocol: 'http', maxNetworkRetries: 2, telemetry: false});
  patient.on('response', () => tries++);
  await assert.rejects(
    patient.v2.core.eventDestinations.create(newDestination(receiver, 'Other', 'thin'), {idempotencyKey: 'once'}),
    {type: 'StripeIdempotencyError'},
  );
  assert.equal(tries, 1);
});

test('Stripe: thin events verify, and lead to the whole event', async (t) => {
  const server = await startServer(t);
  const receiver = await startReceiver(t);
  const stripe = stripeClient(server);
  const made = await stripe.v2.core.eventDestinations.create(newDestination(receiver, 'Thin', 'thin'));
  const secret = made.webhook_endpoint.signing_secret;
  const id = await server.post({
    type: 'v1.billing.meter.error_report_triggered',
    context: 'acct_1',
    data: {developer_message_summary: 'two are invalid'},
    related_object: {id: 'mtr_1', type: 'billing.meter', url: '/v1/billing/meters/mtr_1'},
  });
  const {headers, body} = await receiver.next();
  const notification = stripe.parseEventNotification(body, headers['stripe-signature'], secret);
  assert.equal(notification.id, id);
  assert.equal(notification.related_object.id, 'mtr_1');
  assert.equal(notification.data, undefined);
  const event = await notification.fetchEvent();
  assert.equal(event.id, id);
  assert.equal(event.data.developer_message_summary, 'two are invalid');
  assert.throws(() => stripe.parseEventNotification(body + ' ', headers['stripe-signature'], secret), {type: 'StripeSignatureVerificationError'});
});

test('Stripe: a ping reaches its destination, whatever that subscribes to', async (t) => {
  const server = await startServer(t);
  const receiver = await startReceiver(t);
  const stripe = stripeClient(server);
  for (const payload of ['thin', 'snapshot']) {
    const made = await stripe.v2.core.eventDestinations.create(newDestination(receiver, payload, payload));
    const ping = await stripe.v2.core.eventDestinations.ping(made.id);
    assert.equal(ping.type, 'v2.core.event_destination.ping');
    assert.equal(ping.related_object.id, made.id);
    const {headers, body} = await receiver.next();
    const notification = stripe.parseEventNotification(body, headers['stripe-signature'], made.webhook_endpoint.signing_secret);
    assert.equal(notification.id, ping.id);
    assert.equal((await notification.fetchRelatedObject()).id, made.id);
  }
});

test('Stripe: snapshot events verify, and are of the version of the library', async (t) => {
  const server = await startServer(t);
  const receiver = await startReceiver(t);
  const stripe = stripeClient(server);
  const made = await stripe.v2.core.eventDestinations.create(newDestination(receiver, 'Snapshots', 'snapshot'));
  const secret = made.webhook_endpoint.signing_secret;
  const id = await server.post({type: 'invoice.paid', data: {id: 'in_1', object: 'invoice', amount_paid: 1200}});
  const {headers, body} = await receiver.next();
  const event = stripe.webhooks.constructEvent(body, headers['stripe-signature'], secret);
  assert.equal(event.id, id);
  assert.equal(event.type, 'invoice.paid');
  assert.equal(event.data.object.amount_paid, 1200);
  assert.equal(event.api_version, made.snapshot_api_version);
  assert.equal(event.api_version, Stripe.API_VERSION);
  assert.throws(() => stripe.webhooks.constructEvent(body + ' ', headers['stripe-signature'], secret), {type: 'StripeSignatureVerificationError'});
});
