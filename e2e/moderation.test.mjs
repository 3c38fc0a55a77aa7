// From three reports to a decision, an appeal and money to the last unit, with the
// SDK alone: people report, moderators work from the realtime feed.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Events, admin, advance, clipMinor, eventually, fundGeneral, join, joinSpeaker, refused, upload, voice, vote, wallet,
} from './kit.mjs';

const code = 'sw';
const superuser = await admin();
await fundGeneral(1_000_000);

/** A moderator who also speaks the language, as their people do. */
async function moderator(username) {
  const person = await join(username, code);
  await superuser.collection('users').update(person.id, { roles: ['moderator'] });
  await person.pb.collection('users').authRefresh();
  return person;
}

const send = (person, path, body) => person.pb.send(`/api/lingualink/${path}`, { method: 'POST', body });
const queue = async (person) => (await person.pb.send('/api/lingualink/moderation/queue', { query: { limit: 100 } })).data;
const report = (person, subject, reason, text = '') => person.pb.collection('reports').create({
  subject_type: 'clip', subject_id: subject.id, reason, text,
});
const rewardsOf = async (person, clip) => (await person.pb.collection('rewards').getFullList({ filter: `clip = "${clip.id}"`, sort: 'created' }))
  .map((row) => [row.rule, row.state, row.amount_minor]);

const validators = await Promise.all([1, 2, 3].map((n) => join(`validator${n}.moderation`, code)));
const [musa, zainab] = await Promise.all(['musa.moderation', 'zainab.moderation'].map(moderator));
const reporters = await Promise.all([1, 2, 3].map((n) => join(`reporter${n}.moderation`, code)));

/** Somebody with an approved clip. */
async function speaker(username, number) {
  const person = await joinSpeaker(username, code);
  const clip = await upload(person, voice(number), code, { phrase: 'Habari ya asubuhi' });
  await vote(validators, clip, code);
  await eventually(() => wallet(person), (balance) => balance.pending_minor === clipMinor, 'the clip is paid');
  return { person, clip };
}

test('three reports are one case, which one moderator decides, and another on appeal', async () => {
  const { person: ada, clip } = await speaker('ada.moderation', 49);
  const feed = new Events();
  const others = new Events();
  await musa.pb.collection('cases').subscribe('*', feed.add);
  await Promise.all([ada, reporters[0], validators[0]].map((person) => person.pb.collection('cases').subscribe('*', others.add)));
  const ofCase = (fits) => (event) => event.record.subject_id === clip.id && fits(event);

  await Promise.all(reporters.map((person, i) => report(person, clip, ['hate', 'harassment', 'hate'][i])));
  await refused(report(reporters[0], clip, 'spam'), 409, 'already_reported');
  await refused(report(ada, clip, 'spam'), 400, 'report_self');
  const { record } = await feed.until(ofCase((event) => event.record.reports === 3), 'a case with three reports');
  const listed = (await queue(musa)).items.filter((item) => item.subject_id === clip.id);
  assert.equal(listed.length, 1, 'one subject is one case');
  assert.deepEqual(listed[0].reasons, { hate: 2, harassment: 1 });
  assert.equal(listed[0].sensitive, true);
  assert.ok(!JSON.stringify(listed).includes('reporter1'), 'the list does not say who reported');

  const claims = await Promise.allSettled([musa, zainab].map((person) => send(person, `cases/${record.id}/claim`)));
  assert.equal(claims.filter((claim) => claim.status === 'fulfilled').length, 1, 'one of two has it');
  const [first, second] = claims[0].status === 'fulfilled' ? [musa, zainab] : [zainab, musa];
  assert.equal(claims.find((claim) => claim.status === 'rejected').reason.status, 409);
  await feed.until(ofCase((event) => event.record.state === 'claimed'), 'the case is claimed');

  const decision = { action: 'reject_clip', found: 'hate', note: 'The text insults a group.' };
  await refused(send(second, `cases/${record.id}/resolve`, decision), 409, 'case_conflict');
  await send(first, `cases/${record.id}/resolve`, decision);
  await refused(send(first, `cases/${record.id}/resolve`, decision), 409, 'case_conflict');
  await feed.until(ofCase((event) => event.record.state === 'resolved'), 'the case is resolved');
  assert.equal((await wallet(ada)).pending_minor, 0);
  assert.deepEqual(await rewardsOf(ada, clip), [['clip', 'reversed', clipMinor]]);
  assert.equal((await ada.pb.collection('clips').getOne(clip.id)).status, 'rejected');
  const told = await reporters[1].pb.collection('reports').getFirstListItem(`subject_id = "${clip.id}"`);
  assert.equal(told.state, 'upheld');

  const [mine] = await eventually(() => ada.pb.collection('decisions').getFullList(), (list) => list.length === 1, 'the decision is told');
  assert.equal(mine.action, 'reject_clip');
  assert.equal(mine.note, decision.note);
  assert.ok(!JSON.stringify(mine).includes(first.id), 'not who decided');
  const appeal = await ada.pb.collection('appeals').create({ subject_type: 'decisions', subject_id: mine.id, text: 'It is a proverb.' });
  await refused(ada.pb.collection('appeals').create({ subject_type: 'decisions', subject_id: mine.id, text: 'Please.' }), 409, 'already_appealed');
  await refused(send(first, `cases/${record.id}/claim`), 403, 'case_not_yours');
  await send(second, `cases/${record.id}/claim`);
  const seen = (await second.pb.send(`/api/lingualink/cases/${record.id}`, {})).data;
  assert.equal(seen.decision.note, decision.note, 'who hears the appeal sees the first decision');
  await send(second, `appeals/${appeal.id}/decide`, { outcome: 'overturned', reason: 'It is a proverb indeed.' });
  await eventually(() => ada.pb.collection('appeals').getOne(appeal.id), (row) => row.state === 'overturned', 'the appeal is granted');
  assert.equal((await wallet(ada)).pending_minor, clipMinor, 'paid again, exactly');
  assert.deepEqual(await rewardsOf(ada, clip), [['clip', 'reversed', clipMinor], ['clip', 'pending', clipMinor]]);
  assert.equal((await ada.pb.collection('clips').getOne(clip.id)).status, 'approved');
  assert.equal((await ada.pb.collection('decisions').getOne(mine.id)).state, 'undone');
  assert.deepEqual(others.seen, [], 'nobody else hears of cases');
});

test('a warning, strikes and a suspension that ends by the clock', async () => {
  const { person: bello, clip } = await speaker('bello.moderation', 50);
  await report(reporters[0], clip, 'harassment', 'Insults me.');
  const [item] = (await queue(musa)).items.filter((entry) => entry.subject_id === clip.id);
  await send(musa, `cases/${item.case}/claim`);
  const until = new Date(Date.parse(item.first_at) + 2 * 24 * 3600 * 1000).toISOString();
  await send(musa, `cases/${item.case}/resolve`, { action: 'suspend', found: 'harassment', note: 'Insults.', until });
  await assert.rejects(bello.pb.collection('users').authRefresh(), { status: 401 });
  await bello.pb.collection('users').authWithPassword(bello.email, 'correct horse battery');
  await refused(upload(bello, voice(51), code), 403, 'account_suspended');
  assert.equal((await bello.pb.collection('decisions').getFullList())[0].action, 'suspend');
  advance(3 * 24 * 3600);
  await eventually(
    () => upload(bello, voice(51), code).then(() => 'accepted', (error) => error.status),
    (answer) => answer === 'accepted', 'the suspension is over');
});

test('listed words are refused, and those that wait open a case', async () => {
  const writer = await join('writer.moderation', code);
  const list = (word, action) => superuser.collection('screen_words').create({ word, action, reason: 'spam' });
  await list('gloopy', 'block');
  await list('sploosh', 'hold');
  const write = (bio) => writer.pb.collection('users').update(writer.id, { bio });
  const item = await refused(write('So g l o o p y!'), 400, 'text_blocked', 'bio');
  assert.ok(JSON.stringify(item.params).includes('g l o o p y'), 'the writer learns what was found');
  await write('I sploosh.');
  assert.equal((await writer.pb.collection('users').getOne(writer.id)).bio, '');
  const [waiting] = (await queue(musa)).items.filter((entry) => entry.subject_id === writer.id);
  assert.equal(waiting.origin, 'screening');
  await send(musa, `cases/${waiting.case}/claim`);
  await send(musa, `cases/${waiting.case}/resolve`, { action: 'dismiss', good_faith: true });
  assert.equal((await writer.pb.collection('users').getOne(writer.id)).bio, 'I sploosh.');
});

test('figures are for moderators', async () => {
  const figures = (await musa.pb.send('/api/lingualink/moderation/figures', {})).data;
  assert.ok(JSON.stringify(figures).includes(musa.id));
  await refused(reporters[0].pb.send('/api/lingualink/moderation/queue', {}), 403, 'not_allowed');
});
