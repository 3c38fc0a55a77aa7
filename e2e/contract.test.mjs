// What holds for every answer: the shape of errors, the description of the
// routes, what is closed, and the limits.
import assert from 'node:assert/strict';
import test from 'node:test';
import { admin, checkError, fetched, guest, join, limitedURL, newID, refused, url } from './kit.mjs';

test('unknown routes answer in the shape of every error', async () => {
  for (const path of ['/api/lingualink/nothing', '/api/lingualink/clips/x/y/z', '/api/nothing']) {
    const answer = await fetched(url + path);
    const body = answer.json();
    assert.equal(answer.status, 404, path);
    assert.deepEqual(Object.keys(body).sort(), ['data', 'message', 'status'], path);
    assert.equal(body.status, 404);
    assert.equal(typeof body.message, 'string');
    assert.deepEqual(body.data, {});
  }
});

test('bodies that make no sense are refused by field', async () => {
  const superuser = await admin();
  const campaign = await superuser.collection('campaigns').getFirstListItem('status = "open" && language = ""');
  const fund = (body, key) => superuser.send(`/api/lingualink/campaigns/${campaign.id}/fund`, {
    method: 'POST', headers: key ? { 'Idempotency-Key': key } : {}, body,
  });
  await refused(fund({ amount_minor: 100 }), 400, 'idempotency_key_required', 'idempotency_key');
  await refused(fund({ amount_minor: 0 }, newID()), 400, 'amount_invalid');
  await refused(fund({ amount_minor: 1.5 }, newID()), 400, 'invalid_input', 'amount_minor');
  await refused(fund({ amount_minor: '100' }, newID()), 400, 'invalid_input', 'amount_minor');
  await refused(fund({ amount_minor: 100, bonus: true }, newID()), 400, 'invalid_input', 'bonus');
  await refused(fund({ amount_minor: 2 ** 53 }, newID()), 400, 'amount_overflow');

  const key = newID();
  const first = await fund({ amount_minor: 100 }, key);
  assert.equal((await fund({ amount_minor: 100 }, key)).data.tx, first.data.tx);
  await refused(fund({ amount_minor: 101 }, key), 409, 'idempotency_conflict', 'idempotency_key');
  const person = await join('person.contract');
  await refused(person.pb.send(`/api/lingualink/campaigns/${campaign.id}/fund`, { method: 'POST', body: { amount_minor: 1 } }), 403, 'not_allowed');
  await refused(superuser.send('/api/lingualink/wallet', {}), 403, 'not_allowed');
});

test('the description lists every route and its errors', async () => {
  const description = (await fetched(`${url}/api/lingualink/openapi.json`)).json();
  assert.match(description.openapi, /^3\.1/);
  const listed = Object.entries(description.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  for (const route of [
    'GET /api/lingualink/availability', 'POST /api/lingualink/confirm', 'POST /api/lingualink/clips',
    'POST /api/lingualink/clips/{id}/withdraw', 'POST /api/lingualink/consents/{id}/withdraw', 'GET /api/lingualink/queue',
    'POST /api/lingualink/assignments/{id}/skip', 'GET /api/lingualink/assignments/{id}/media', 'GET /api/lingualink/wallet',
    'GET /api/lingualink/wallet/statement', 'POST /api/lingualink/campaigns/{id}/fund', 'GET /api/lingualink/openapi.json',
  ]) assert.ok(listed.includes(route), route);
  // Each described route exists.
  for (const route of listed) {
    const [method, path] = route.split(' ');
    if (path.includes('{id}/media')) continue; // answers 404 to strangers on purpose
    const answer = await fetched(url + path.replace(/\{\w+\}/, newID()), { method });
    // What is open to everybody and not found says so itself; PocketBase's own 404 has no field.
    if (answer.status === 404) assert.equal(Object.values(answer.json().data)[0]?.code, 'not_found', route);
    assert.notEqual(answer.status, 405, route);
  }
  assert.match(description.paths['/api/lingualink/clips'].post.responses['403'].description, /consent_required/);
});

test('doors around the ledger are closed, also to superusers', async () => {
  const superuser = await admin();
  await refused(superuser.send('/api/sql', { method: 'POST', body: { query: 'SELECT 1' } }), 403, 'endpoint_closed');
  await refused(superuser.send('/api/collections/votes/truncate', { method: 'DELETE' }), 403, 'endpoint_closed');
  await refused(superuser.send('/api/collections/import', { method: 'PUT', body: { collections: [] } }), 403, 'endpoint_closed');
  const batch = await guest().send('/api/batch', { method: 'POST', body: { requests: [] } }).catch((problem) => problem);
  assert.equal(batch.status, 403);
});

test('over a limit the answer says when to come back', async () => {
  const answers = await Promise.all(Array.from({ length: 130 }, (_, i) => fetched(`${limitedURL}/api/lingualink/availability?username=name${i}`)));
  const limited = answers.filter((answer) => answer.status === 429);
  assert.ok(limited.length > 0, 'the limit is 100 in 10 seconds');
  assert.ok(answers.every((answer) => [200, 429].includes(answer.status)));
  const item = checkError(429, limited[0].json(), 429, 'rate_limited');
  assert.equal(Number(limited[0].headers.get('retry-after')), item.params.retry_after);
  assert.ok(item.params.retry_after >= 1 && item.params.retry_after <= 10);
});
