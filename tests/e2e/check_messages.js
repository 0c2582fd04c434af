// Checks messages as their receivers do: each line of stdin is {"kind", …}, each line of stdout is "ok" or what is wrong.
//   card     {"card"}                                   the parser of npm adaptivecards (schema 1.4)
//   webhook  {"secret", "public", "headers", "body"}    the verifier of npm standardwebhooks (v1), and Ed25519 (v1a) by Node.js
const crypto = require('crypto'), path = require('path'), readline = require('readline');
const modules = path.join(process.argv[2], 'node_modules');
const cards = require(path.join(modules, 'adaptivecards/dist/adaptivecards.min.js'));
const { Webhook } = require(path.join(modules, 'standardwebhooks'));

const checks = {
  card({ card }) {
    const context = new cards.SerializationContext(cards.Versions.v1_4), parsed = new cards.AdaptiveCard();
    parsed.parse(card, context);
    const wrong = [];
    for (let i = 0; i < context.eventCount; i++) wrong.push(context.getEventAt(i).message);
    for (const e of parsed.validateProperties().validationEvents) wrong.push(e.message);
    if (parsed.getItemCount() !== card.body.length) wrong.push('items were dropped');
    if (parsed.getActionCount() !== (card.actions || []).length) wrong.push('actions were dropped');
    return wrong.join('; ');
  },
  webhook({ secret, public: key, headers, body }) {
    try { new Webhook(secret).verify(body, headers); } catch (e) { return 'v1: ' + e.message; }
    const signed = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`);
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(key.slice('whpk_'.length), 'base64')]);
    const publicKey = crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const entries = headers['webhook-signature'].split(' ').filter(s => s.startsWith('v1a,'));
    return entries.some(s => crypto.verify(null, signed, publicKey, Buffer.from(s.slice(4), 'base64'))) ? '' : 'v1a: no signature fits';
  },
};
readline.createInterface({ input: process.stdin }).on('line', line => {
  const job = JSON.parse(line);
  console.log(checks[job.kind](job) || 'ok');
});
