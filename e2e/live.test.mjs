// Calls and streams as apps use them: what rings is a row that a client watches,
// and a token opens the media server for one person.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Events, admin, advance, eventually, join, missing, refused } from './kit.mjs';

const media = process.env.E2E_LIVEKIT;
const superuser = await admin();

const post = (person, path, body = {}) => person.pb.send(`/api/lingualink/${path}`, { method: 'POST', body });
const deed = async (person, path, body) => (await post(person, path, body)).data;

/** What a token says, unverified: clients do not look at it either. */
function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}

/** Watches a collection as one of somebody's devices. */
async function watch(person, collection) {
  const heard = new Events();
  await person.pb.collection(collection).subscribe('*', heard.add);
  return heard;
}

test('a call rings on every device, is taken by the first, and is in both lists', async () => {
  const ada = await join('ada.calls', 'yo');
  const bola = await join('bola.calls', 'yo');
  const rings = await watch(bola, 'call_parties');
  const seen = await watch(ada, 'calls');
  const notices = await watch(bola, 'notifications');

  const call = await deed(ada, 'calls', { people: [bola.id], device: 'ada-phone' });
  assert.equal(call.status, 'ringing');
  assert.deepEqual(call.people.map(({ state }) => state), ['accepted', 'ringing']);
  const ringing = await rings.until(({ record }) => record.state === 'ringing', 'it rings');
  assert.equal(ringing.record.call, call.id);
  assert.equal(ringing.record.direction, 'incoming');
  const notice = await notices.until(({ record }) => record.kind === 'call_ring', 'the notice');
  assert.deepEqual(notice.record.data, { call: call.id, from: ada.id, name: 'ada.calls' });

  await refused(post(bola, `calls/${call.id}/token`, { device: 'phone' }), 409, 'call_state');
  await deed(bola, `calls/${call.id}/accept`, { device: 'phone' });
  const taken = await rings.until(({ record }) => record.state === 'accepted', 'the other devices stop ringing');
  assert.equal(taken.record.device, 'phone');
  await refused(post(bola, `calls/${call.id}/accept`, { device: 'tablet' }), 409, 'call_answered_elsewhere', 'device');
  const active = await seen.until(({ record }) => record.status === 'active', 'the caller sees that it is taken');
  for (const secret of ['room', 'state', 'rev', 'due_at']) assert.ok(!(secret in active.record), secret);

  const ticket = await deed(bola, `calls/${call.id}/token`, { device: 'phone' });
  assert.equal(ticket.url, media);
  const { sub, exp, nbf, video } = claims(ticket.token);
  assert.equal(sub, bola.id);
  assert.ok(exp - (nbf ?? Date.now() / 1000) <= 120, 'it lives two minutes at most');
  assert.equal(video.roomJoin, true);
  assert.equal(video.canPublishData, false);
  assert.deepEqual(video.canPublishSources, ['microphone']);
  for (const right of ['roomAdmin', 'roomCreate', 'roomList', 'canUpdateOwnMetadata', 'hidden']) assert.ok(!video[right], right);

  await deed(bola, `calls/${call.id}/hang-up`);
  await seen.until(({ record }) => record.status === 'ended' && record.outcome === 'completed', 'the end');
  for (const [person, direction] of [[ada, 'outgoing'], [bola, 'incoming']]) {
    const { data } = await person.pb.send('/api/lingualink/calls', {});
    assert.equal(data.calls[0].call.id, call.id);
    assert.equal(data.calls[0].direction, direction);
    assert.equal(data.calls[0].result, 'alone', 'nobody came with media');
    assert.equal(data.missed, 0);
  }
});

test('a call that nobody takes is missed, until it was looked at', async () => {
  const ada = await join('ada.missed', 'yo');
  const bola = await join('bola.missed', 'yo');
  const rings = await watch(bola, 'call_parties');
  const call = await deed(ada, 'calls', { people: [bola.id] });
  await rings.until(({ record }) => record.state === 'ringing', 'it rings');
  advance(45);
  await rings.until(({ record }) => record.state === 'missed' && record.missed, 'it is missed');
  assert.equal((await ada.pb.collection('calls').getOne(call.id)).outcome, 'missed');
  const badge = () => bola.pb.collection('call_parties').getList(1, 1, { filter: 'missed = true && seen = false' });
  assert.equal((await badge()).totalItems, 1);
  await deed(bola, 'calls/seen');
  await rings.until(({ record }) => record.seen, 'the other devices drop the badge');
  assert.equal((await badge()).totalItems, 0);
  await eventually(() => bola.pb.collection('notifications').getFullList({ filter: 'kind = "call_missed"' }), (list) => list.length === 1, 'the notice');
});

test('who is blocked rings in vain, and others know nothing of a call', async () => {
  const ada = await join('ada.blocked', 'yo');
  const bola = await join('bola.blocked', 'yo');
  const eve = await join('eve.blocked', 'yo');
  const quiet = await watch(bola, 'call_parties');
  const calls = await watch(eve, 'calls');
  await bola.pb.collection('blocks').create({ blocked: ada.id });
  await refused(post(bola, 'calls', { people: [ada.id] }), 403, 'not_allowed', 'people');
  const call = await deed(ada, 'calls', { people: [bola.id] });
  assert.equal(call.people[1].state, 'ringing');
  for (const person of [bola, eve]) {
    await missing(person.pb.collection('calls').getOne(call.id));
    await refused(post(person, `calls/${call.id}/accept`, { device: 'phone' }), 404, 'not_found');
  }
  advance(45);
  await eventually(() => ada.pb.collection('calls').getOne(call.id), ({ outcome }) => outcome === 'missed', 'nobody answers');
  assert.deepEqual(quiet.seen, []);
  assert.deepEqual(calls.seen, []);
});

test('a ban ends a call and its sessions', async () => {
  const ada = await join('ada.banned', 'yo');
  const bola = await join('bola.banned', 'yo');
  const seen = await watch(ada, 'calls');
  const call = await deed(ada, 'calls', { people: [bola.id] });
  await deed(bola, `calls/${call.id}/accept`, { device: 'phone' });
  await superuser.collection('users').update(bola.id, { standing: 'banned' });
  await seen.until(({ record }) => record.id === call.id && record.status === 'ended', 'the end');
  const dead = await post(bola, `calls/${call.id}/token`, { device: 'phone' }).catch((problem) => problem);
  assert.equal(dead.status, 401);
  await refused(post(ada, `calls/${call.id}/token`, { device: 'x' }), 409, 'call_state');
});
