// What is left to somebody who was suspended or banned, and what moderators see.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Events, admin, clipMinor, fetched, fundGeneral, guest, join, joinSpeaker, newID, password, pending, queue,
  refused, upload, voice, vote, wallet,
} from './kit.mjs';

const code = 'yo';
const superuser = await admin();
const setStanding = (person, standing) => superuser.collection('users').update(person.id, { standing });
await fundGeneral(1_000_000);

for (const [number, standing] of [[20, 'suspended'], [21, 'banned']]) {
  test(`${standing}: sessions end, the wallet stays readable, nothing else is open`, async () => {
    const refusal = `account_${standing}`;
    const person = await joinSpeaker(`${standing}.standing`, code);
    const validators = await Promise.all([1, 2, 3].map((n) => join(`${standing}${n}.standing`, code)));
    const clip = await upload(person, voice(number), code);
    await vote(validators, clip, code);
    const waiting = await upload(validators[0], voice(number + 2), code).catch((problem) => problem);
    assert.equal(waiting.response.data.consent.code, 'consent_required');
    assert.deepEqual(await wallet(person), pending(clipMinor));

    await setStanding(person, standing);
    const dead = await person.pb.collection('users').authRefresh().catch((problem) => problem);
    assert.equal(dead.status, 401, 'the old session is over');

    const again = guest();
    await again.collection('users').authWithPassword(person.email, password);
    const back = { ...person, pb: again };
    assert.equal(again.authStore.record.standing, standing);
    assert.deepEqual(await wallet(back), pending(clipMinor));
    assert.equal((await again.send('/api/lingualink/wallet/statement', { query: { currency: 'NGN' } })).data.closing_minor, clipMinor);
    assert.equal((await again.collection('verdicts').getFullList()).length, 1);
    assert.ok(Array.isArray(await again.collection('notifications').getFullList()));

    await refused(again.collection('votes').create({ clip: newID(), verdict: 'approve' }), 403, refusal);
    await refused(upload(back, voice(number + 4), code), 403, refusal);
    await refused(queue(back, code), 403, refusal);
    await refused(again.collection('users').update(person.id, { name: 'New' }), 403, refusal);
    await refused(again.send(`/api/lingualink/clips/${clip.id}/withdraw`, { method: 'POST' }), 403, refusal);
    await refused(again.collection('blocks').create({ blocked: validators[0].id }), 403, refusal);

    await setStanding(person, 'good');
    assert.equal((await again.collection('users').update(person.id, { name: 'Back' })).name, 'Back');
    const rows = await superuser.collection('audit_log').getFullList({
      filter: `action = "user.standing" && subject_id = "${person.id}"`, sort: 'seq',
    });
    assert.deepEqual(rows.map((row) => row.data), [{ from: 'good', to: standing }, { from: standing, to: 'good' }]);
  });
}

test('whoever is suspended hears no more of their own clips through an open connection', async () => {
  const speaker = await joinSpeaker('listener.standing', code);
  const validators = await Promise.all([1, 2, 3].map((n) => join(`listener${n}.standing`, code)));
  const clip = await upload(speaker, voice(27), code);
  const heard = { speaker: new Events(), validator: new Events() };
  await speaker.pb.realtime.subscribe(`lingualink/wallet/${speaker.id}`, heard.speaker.add);
  await speaker.pb.collection('notifications').subscribe('*', heard.speaker.add);
  await speaker.pb.collection('verdicts').subscribe('*', heard.speaker.add);
  await validators[2].pb.realtime.subscribe(`lingualink/wallet/${validators[2].id}`, heard.validator.add);
  await setStanding(speaker, 'suspended'); // the clips of banned people get no votes
  await vote(validators, clip, code);
  await heard.validator.until(() => true, 'the wallet of somebody in good standing');
  assert.deepEqual(heard.speaker.seen, []);

  // The connection has ended, and with the old session a new one hears nothing private.
  const dead = guest();
  dead.authStore.save(speaker.pb.authStore.token, speaker.pb.authStore.record);
  for (const id of [speaker.id, validators[0].id]) {
    await refused(dead.realtime.subscribe(`lingualink/wallet/${id}`, heard.speaker.add), 403, 'not_allowed');
  }
});

test('a moderator sees what waits, and hears it', async () => {
  const moderator = await join('moderator.standing', code);
  const speaker = await joinSpeaker('heard.standing', code);
  const clip = await upload(speaker, voice(26), code);
  const missingYet = await moderator.pb.collection('clips').getOne(clip.id).catch((problem) => problem);
  assert.equal(missingYet.status, 404);
  await superuser.collection('users').update(moderator.id, { roles: ['moderator'] });
  assert.equal((await moderator.pb.collection('clips').getOne(clip.id)).status, 'pending');
  const token = await moderator.pb.files.getToken();
  assert.equal((await fetched(moderator.pb.files.getURL(clip, clip.media, { token }))).status, 200);

  const heard = new Events();
  await moderator.pb.collection('clips').subscribe('*', heard.add);
  const next = await upload(speaker, voice(28), code);
  const event = await heard.until((other) => other.record.id === next.id, 'the new clip');
  assert.equal(event.action, 'create');
  assert.ok(!('campaign' in event.record) && !('media_sha256' in event.record));
});
