// Signing up and in, the own profile, and what others see of a person.
import assert from 'node:assert/strict';
import test from 'node:test';
import { admin, guest, join, languageID, missing, newID, password, refused, upload, voice } from './kit.mjs';

const card = ['avatar', 'badges', 'bio', 'collectionId', 'collectionName', 'country', 'id', 'languages', 'name', 'username'];

test('a person signs up, signs in, refreshes and edits the own profile', async () => {
  const ada = await join('ada.accounts', 'ha', 'yo');
  await refused(guest().collection('users').create({
    username: 'ADA.Accounts', email: 'other@lingualink.test', password, passwordConfirm: password,
  }), 400, 'username_taken', 'username');
  await refused(guest().collection('users').create({
    username: 'a b', email: 'other@lingualink.test', password, passwordConfirm: password,
  }), 400, 'username_invalid', 'username');

  const refreshed = await ada.pb.collection('users').authRefresh();
  assert.equal(refreshed.record.id, ada.id);
  assert.equal(refreshed.record.standing, 'good');
  assert.deepEqual(refreshed.record.roles, []);

  const edited = await ada.pb.collection('users').update(ada.id, {
    name: 'Ada N.', bio: 'Ina son waƙa.', country: 'NG', languages: [await languageID('ha')],
  });
  assert.equal(edited.bio, 'Ina son waƙa.');
  assert.deepEqual(edited.languages, [await languageID('ha')]);

  const profile = await ada.pb.collection('private_profiles').getFirstListItem(`user = "${ada.id}"`);
  const saved = await ada.pb.collection('private_profiles').update(profile.id, { legal_name: 'Ada Nwosu', time_zone: 'Africa/Lagos' });
  assert.equal(saved.legal_name, 'Ada Nwosu');
});

test('wrong credentials say nothing about the account', async () => {
  const bola = await join('bola.accounts');
  for (const email of [bola.email, 'nobody@lingualink.test']) {
    const error = await guest().collection('users').authWithPassword(email, 'wrong password').catch((problem) => problem);
    assert.equal(error.status, 400);
    assert.deepEqual(error.response.data, {});
  }
});

test('nobody writes what is the server\'s', async () => {
  // What a person cannot see, PocketBase drops from the body: no error, no effect.
  const grab = { roles: ['moderator'], standing: 'warned', verified: true, tokenKey: 'x'.repeat(50) };
  const chidi = await guest().collection('users').create({
    username: 'chidi.accounts', email: 'chidi.accounts@lingualink.test', password, passwordConfirm: password, ...grab,
  });
  const dayo = await join('dayo.accounts');
  await dayo.pb.collection('users').update(dayo.id, grab);
  await dayo.pb.collection('users').update(dayo.id, { 'roles+': 'moderator' });
  const superuser = await admin();
  for (const id of [chidi.id, dayo.id]) {
    const { roles, standing, verified } = await superuser.collection('users').getOne(id);
    assert.deepEqual({ roles, standing, verified }, { roles: [], standing: 'good', verified: false });
  }
  await refused(dayo.pb.collection('users').update(dayo.id, { email: 'new@lingualink.test' }), 400, 'server_field', 'email');
  for (const collection of ['ledger_entries', 'rewards', 'jobs', 'verdicts', 'audit_log']) {
    await refused(superuser.collection(collection).create({}), 403, 'server_owned');
    const error = await dayo.pb.collection(collection).create({}).catch((problem) => problem);
    assert.equal(error.status, 403, collection);
  }
});

test('others see the public card and nothing more', async () => {
  const emeka = await join('emeka.accounts', 'ig');
  const fatima = await join('fatima.accounts');
  const seen = await fatima.pb.collection('users').getOne(emeka.id);
  assert.deepEqual(Object.keys(seen).sort(), card);
  const listed = await fatima.pb.collection('users').getFullList({ filter: `id = "${emeka.id}"` });
  assert.deepEqual(Object.keys(listed[0]).sort(), card);
  assert.ok(!JSON.stringify(listed).includes(emeka.email));

  const search = (options) => fatima.pb.collection('users').getList(1, 5, options);
  for (const filter of [`email ~ "emeka"`, `email:lower ~ "emeka"`, `email:length > 3 && id = "${emeka.id}"`]) {
    const found = await search({ filter }).then((page) => page.items, (error) => error.status);
    assert.ok(found === 400 || found.length === 0, `${filter}: ${JSON.stringify(found)}`);
  }
  await refused(search({ sort: '-email' }), 400, 'invalid_input', 'sort');
  for (const options of [{ filter: 'standing = "good"' }, { filter: 'tokenKey ~ "a"' }, { filter: 'roles:length > 0' }, { sort: 'standing' }]) {
    assert.equal((await search(options).catch((error) => error)).status, 400, JSON.stringify(options));
  }
  const profiles = await fatima.pb.collection('private_profiles').getFullList();
  assert.deepEqual(profiles.map((profile) => profile.user), [fatima.id]);
  await missing(fatima.pb.collection('users').update(emeka.id, { name: 'mine' }));
});

test('recording needs consent, which the error leads to', async () => {
  const musa = await join('musa.accounts', 'ha');
  const item = await refused(upload(musa, voice(0), 'ha'), 403, 'consent_required');
  const text = await musa.pb.collection('consent_texts').getOne(item.params.text);
  assert.equal(text.version, item.params.version);
  assert.equal(text.title, item.params.title);

  const id = newID();
  const consent = await musa.pb.collection('consents').create({ id, text: text.id });
  assert.equal(consent.user, musa.id);
  assert.equal((await musa.pb.collection('consents').create({ id, text: text.id })).id, id);
  const clip = await upload(musa, voice(0), 'ha');
  assert.equal(clip.owner, musa.id);

  await musa.pb.send(`/api/lingualink/consents/${id}/withdraw`, { method: 'POST' });
  await refused(upload(musa, voice(1), 'ha'), 403, 'consent_required');
});
