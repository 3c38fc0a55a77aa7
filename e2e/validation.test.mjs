// The life of a clip: queue, listening, votes, verdict, money, remix and
// withdrawal, as its speaker and its validators live it through the SDK.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Events, admin, advance, clipMinor, eventually, fetched, fundGeneral, guest, join, joinSpeaker, missing, newID,
  pending, queue, refused, upload, url, validationMinor, voice, vote, wallet,
} from './kit.mjs';

const code = 'ha';
const ada = await joinSpeaker('ada.validation', code);
const bola = await joinSpeaker('bola.validation', code);
const validators = await Promise.all(['v1', 'v2', 'v3'].map((name) => join(`${name}.validation`, code)));
const outsider = await join('outsider.validation', 'yo');
await fundGeneral(10_000_000);

const media = (person, path, token) => fetched(`${url}${path}?token=${token}`, {
  headers: person ? { Authorization: person.pb.authStore.token } : {},
});

let clip;

test('a clip waits unseen by the public', async () => {
  clip = await upload(ada, voice(8), code, { phrase: 'Ina kwana?' });
  await missing(guest().collection('clips').getOne(clip.id));
  await missing(outsider.pb.collection('clips').getOne(clip.id));
  await missing(validators[0].pb.collection('clips').getOne(clip.id));
  assert.equal((await ada.pb.collection('clips').getOne(clip.id)).status, 'pending');
});

test('the queue hands it to those who speak the language, with its recording', async () => {
  const [first] = validators;
  const offered = (await queue(first, code)).find((item) => item.clip === clip.id);
  assert.equal(offered.phrase, 'Ina kwana?');
  assert.equal(offered.duration_ms, clip.duration_ms);
  assert.deepEqual((await queue(first, code)).find((item) => item.clip === clip.id), offered, 'asking again gives the same');
  assert.ok(!(await queue(ada, code)).some((item) => item.clip === clip.id), 'not to its speaker');
  await refused(queue(outsider, code), 403, 'language_not_spoken', 'language');
  await refused(guest().send('/api/lingualink/queue', {}), 401, 'sign_in_required');

  const token = await first.pb.files.getToken();
  const heard = await media(null, offered.media_url, token);
  assert.equal(heard.status, 200);
  assert.equal(heard.headers.get('cache-control'), 'private, no-store');
  assert.deepEqual(heard.bytes, Buffer.from(await voice(8).arrayBuffer()));
  const part = await fetched(`${url}${offered.media_url}?token=${token}`, { headers: { Range: 'bytes=0-99' } });
  assert.equal(part.status, 206);

  assert.equal((await media(first, offered.media_url, '')).status, 404, 'without a file token');
  for (const other of [validators[1], outsider, bola]) {
    const foreign = await other.pb.files.getToken();
    assert.equal((await media(other, offered.media_url, foreign)).status, 404, other.username);
  }
});

test('the file itself opens for its owner and for nobody else', async () => {
  const address = (token) => ada.pb.files.getURL(clip, clip.media, token ? { token } : {});
  assert.equal((await fetched(address())).status, 404);
  assert.equal((await fetched(address(await ada.pb.files.getToken()))).status, 200);
  for (const other of [bola, validators[0], outsider]) {
    assert.equal((await fetched(address(await other.pb.files.getToken()))).status, 404, other.username);
  }
});

test('votes that may not be cast say why', async () => {
  const cast = (person, more = {}) => person.pb.collection('votes').create({ clip: clip.id, verdict: 'approve', ...more });
  await refused(cast(ada), 403, 'own_clip', 'clip');
  await refused(cast(outsider), 403, 'language_not_spoken', 'clip');
  await refused(cast(bola), 409, 'assignment_required', 'clip');
  await refused(cast(validators[0], { verdict: 'maybe' }), 400, 'invalid_input', 'verdict');
  await refused(cast(validators[0], { verdict: 'reject', reason: 'ugly' }), 400, 'invalid_input', 'reason');
  await refused(cast(validators[0], { validator: bola.id }), 400, 'server_field', 'validator');
  await refused(cast(validators[0], { clip: newID() }), 404, 'not_found', 'clip');
});

test('three approvals decide; the speaker hears of it and everybody is paid', async () => {
  const heard = { clips: new Events(), notifications: new Events(), verdicts: new Events(), wallet: new Events() };
  for (const name of ['clips', 'notifications', 'verdicts']) {
    await ada.pb.collection(name).subscribe('*', heard[name].add);
  }
  await ada.pb.realtime.subscribe(`lingualink/wallet/${ada.id}`, heard.wallet.add);
  const foreign = new Events();
  await outsider.pb.collection('notifications').subscribe('*', foreign.add);
  await outsider.pb.collection('clips').subscribe('*', foreign.add);

  const id = newID();
  await vote(validators.slice(0, 1), clip, code);
  await queue(validators[1], code);
  advance(10);
  const sent = { id, clip: clip.id, verdict: 'approve', feedback: 'A fili yake.' };
  const stored = await validators[1].pb.collection('votes').create(sent);
  assert.equal(stored.validator, validators[1].id);
  assert.ok(!('rewarded' in stored));
  assert.deepEqual(await validators[1].pb.collection('votes').create(sent), stored, 'the same vote again is the stored one');
  await refused(validators[1].pb.collection('votes').create({ ...sent, verdict: 'reject' }), 409, 'id_conflict', 'id');
  await refused(validators[1].pb.collection('votes').create({ ...sent, id: newID() }), 409, 'already_voted', 'clip');
  assert.equal((await ada.pb.collection('clips').getOne(clip.id)).status, 'pending');
  assert.deepEqual(heard.verdicts.seen, [], 'before the verdict nothing is to be seen');
  await vote(validators.slice(2), clip, code);

  const decided = await heard.clips.until((event) => event.record.id === clip.id && event.record.status === 'approved', 'the approved clip');
  assert.equal(decided.action, 'update');
  const verdict = (await heard.verdicts.until((event) => event.record.clip === clip.id, 'the verdict')).record;
  assert.equal(verdict.outcome, 'approved');
  assert.ok(verdict.confidence >= 0.99, `${verdict.confidence}`);
  assert.equal(verdict.votes, 3);
  assert.deepEqual(verdict.feedback, ['A fili yake.']);
  const told = (await heard.notifications.until((event) => event.record.kind === 'clip_approved', 'the notification')).record;
  assert.equal(told.data.clip, clip.id);
  assert.equal(told.data.verdict, verdict.id);
  assert.deepEqual(await heard.wallet.until(() => true, 'the wallet'), { currency: 'NGN' });

  assert.deepEqual(await wallet(ada), pending(clipMinor));
  for (const validator of validators) assert.deepEqual(await wallet(validator), pending(validationMinor), validator.username);
  assert.ok(!foreign.seen.some((event) => event.record.user), 'no notification of somebody else');
});

test('a stranger\'s wallet cannot be listened to', async () => {
  await refused(outsider.pb.realtime.subscribe(`lingualink/wallet/${ada.id}`, () => {}), 403, 'not_allowed');
  await refused(guest().realtime.subscribe(`lingualink/wallet/${ada.id}`, () => {}), 403, 'not_allowed');
});

test('the approved clip is public, its votes and verdict are not', async () => {
  const seen = await guest().collection('clips').getOne(clip.id, { expand: 'owner,language' });
  assert.equal(seen.status, 'approved');
  assert.ok(!('campaign' in seen) && !('media_sha256' in seen));
  assert.ok(!JSON.stringify(seen).includes(ada.email));
  assert.equal((await fetched(guest().files.getURL(seen, seen.media))).headers.get('cache-control'), 'public, no-cache');
  for (const collection of ['votes', 'verdicts', 'rewards', 'notifications', 'ledger_entries', 'ledger_accounts', 'consents']) {
    assert.deepEqual((await outsider.pb.collection(collection).getFullList()), [], collection);
  }
  for (const collection of ['clip_tallies', 'assignments', 'jobs', 'audit_log', 'policies', 'campaigns', 'relations']) {
    const error = await validators[0].pb.collection(collection).getFullList().catch((problem) => problem);
    assert.equal(error.status, 403, collection);
  }
  assert.equal((await validators[0].pb.collection('votes').getFullList()).length, 1);
  const late = await joinSpeaker('late.validation', code);
  await refused(late.pb.collection('votes').create({ clip: clip.id, verdict: 'approve' }), 409, 'clip_decided', 'clip');
});

test('the statement adds up, as JSON and as CSV', async () => {
  const { data } = await ada.pb.send('/api/lingualink/wallet/statement', { query: { currency: 'NGN' } });
  assert.equal(data.opening_minor, 0);
  assert.equal(data.closing_minor, clipMinor);
  assert.deepEqual(data.lines.map((line) => [line.kind, line.amount_minor, line.balance_minor]), [['reward_earned', clipMinor, clipMinor]]);
  const sheet = await fetched(`${url}/api/lingualink/wallet/statement?currency=NGN&format=csv`, { headers: { Authorization: ada.pb.authStore.token } });
  assert.equal(sheet.status, 200);
  assert.equal(sheet.headers.get('content-type'), 'text/csv; charset=utf-8');
  const lines = sheet.bytes.toString().trim().split('\n');
  assert.deepEqual(lines.map((line) => line.split(',').at(-1)), ['balance_minor', '0', '15000', '15000']);
  await refused(ada.pb.send('/api/lingualink/wallet/statement', { query: { currency: 'XXX' } }), 400, 'currency_unknown');
});

test('rejections tell the speaker why and pay those who gave them', async () => {
  const before = await Promise.all(validators.map(wallet));
  const noisy = await upload(ada, voice(9), code);
  await vote(validators, noisy, code, 'reject', { reason: 'background_noise', feedback: 'Akwai hayaniya.' });
  const verdict = await ada.pb.collection('verdicts').getFirstListItem(`clip = "${noisy.id}"`);
  assert.equal(verdict.outcome, 'rejected');
  assert.equal(verdict.reason, 'background_noise');
  assert.equal(verdict.feedback.length, 3);
  assert.deepEqual(await wallet(ada), pending(clipMinor));
  for (const [i, validator] of validators.entries()) {
    assert.deepEqual(await wallet(validator), pending(before[i].pending_minor + validationMinor));
  }
});

test('a skipped clip does not come back', async () => {
  const skipped = await upload(ada, voice(10), code);
  const person = await join('skipper.validation', code);
  const item = (await queue(person, code)).find((offered) => offered.clip === skipped.id);
  const skip = () => person.pb.send(`/api/lingualink/assignments/${item.assignment}/skip`, { method: 'POST', body: { reason: 'not my dialect' } });
  assert.equal((await skip()).data.assignment, item.assignment);
  assert.equal((await skip()).success, true);
  assert.ok(!(await queue(person, code)).some((offered) => offered.clip === skipped.id));
  await refused(person.pb.collection('votes').create({ clip: skipped.id, verdict: 'approve' }), 409, 'assignment_required', 'clip');
  await refused(bola.pb.send(`/api/lingualink/assignments/${item.assignment}/skip`, { method: 'POST' }), 404, 'not_found');
  await ada.pb.send(`/api/lingualink/clips/${skipped.id}/withdraw`, { method: 'POST' });
});

test('a remix of the approved clip shares 70 to 30', async () => {
  await refused(upload(ada, voice(11), code, { parent: clip.id }), 400, 'parent_invalid', 'parent');
  const before = { ada: await wallet(ada), bola: await wallet(bola) };
  const remix = await upload(bola, voice(11), code, { parent: clip.id });
  assert.equal(remix.depth, 1);
  assert.equal(remix.root, clip.id);
  await vote(validators, remix, code);
  assert.deepEqual(await wallet(bola), pending(before.bola.pending_minor + 10_500));
  assert.deepEqual(await wallet(ada), pending(before.ada.pending_minor + 4_500));
  await eventually(() => ada.pb.collection('notifications').getFullList(),
    (rows) => rows.some((row) => row.kind === 'remix_approved' && row.data.clip === remix.id), 'the parent\'s speaker is told');
});

test('blocked people neither see nor judge each other', async () => {
  const block = await bola.pb.collection('blocks').create({ blocked: ada.id });
  await missing(bola.pb.collection('clips').getOne(clip.id));
  assert.equal((await validators[0].pb.collection('clips').getOne(clip.id)).id, clip.id);
  const unheard = await upload(ada, voice(12), code);
  assert.ok(!(await queue(bola, code)).some((item) => item.clip === unheard.id));
  await refused(bola.pb.collection('votes').create({ clip: unheard.id, verdict: 'reject' }), 403, 'not_eligible', 'clip');
  await refused(upload(bola, voice(13), code, { parent: clip.id }), 400, 'parent_invalid', 'parent');
  await refused(bola.pb.collection('blocks').create({ blocked: bola.id }), 400, 'block_self', 'blocked');
  assert.deepEqual(await ada.pb.collection('blocks').getFullList(), [], 'who is blocked is not told');
  await bola.pb.collection('blocks').delete(block.id);
  assert.equal((await bola.pb.collection('clips').getOne(clip.id)).id, clip.id);
  await ada.pb.send(`/api/lingualink/clips/${unheard.id}/withdraw`, { method: 'POST' });
});

test('what is withdrawn is gone at once, what it earned stays', async () => {
  const before = await wallet(ada);
  const withdraw = (person) => person.pb.send(`/api/lingualink/clips/${clip.id}/withdraw`, { method: 'POST' });
  await refused(withdraw(bola), 404, 'not_found');
  assert.equal((await withdraw(ada)).data.status, 'withdrawn');
  assert.equal((await withdraw(ada)).data.status, 'withdrawn');
  for (const pb of [guest(), bola.pb, validators[0].pb]) await missing(pb.collection('clips').getOne(clip.id));
  assert.equal((await fetched(guest().files.getURL(clip, clip.media))).status, 404);
  assert.equal((await fetched(bola.pb.files.getURL(clip, clip.media, { token: await bola.pb.files.getToken() }))).status, 404);
  assert.equal((await ada.pb.collection('clips').getOne(clip.id)).status, 'withdrawn');
  assert.deepEqual(await wallet(ada), before);
  await refused(upload(bola, voice(14), code, { parent: clip.id }), 400, 'parent_invalid', 'parent');
});

test('a clip withdrawn in the queue takes no more votes', async () => {
  const taken = await upload(ada, voice(15), code);
  await vote(validators.slice(0, 1), taken, code);
  const item = (await queue(validators[1], code)).find((offered) => offered.clip === taken.id);
  await ada.pb.send(`/api/lingualink/clips/${taken.id}/withdraw`, { method: 'POST' });
  advance(2);
  await refused(validators[1].pb.collection('votes').create({ clip: taken.id, verdict: 'approve' }), 409, 'clip_withdrawn', 'clip');
  assert.equal((await media(null, item.media_url, await validators[1].pb.files.getToken())).status, 404);
  assert.ok(!(await queue(validators[2], code)).some((offered) => offered.clip === taken.id));
});

test('rewards become available after the hold', async () => {
  const before = await wallet(validators[0]);
  assert.equal(before.available_minor, 0);
  advance(7 * 24 * 3600);
  const after = await eventually(() => wallet(validators[0]), (balance) => balance.pending_minor === 0, 'released');
  assert.deepEqual(after, { ...before, pending_minor: 0, available_minor: before.pending_minor });
});

test('a superuser sees an unbroken record of the fundings', async () => {
  const rows = await (await admin()).collection('audit_log').getFullList({ filter: 'action = "campaign.fund"' });
  assert.ok(rows.length >= 1);
  assert.match(rows[0].actor, /^superuser:/);
});
