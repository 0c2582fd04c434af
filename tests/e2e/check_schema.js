// node check_schema.js SCHEMA FILE...: JSON files against a JSON Schema, by ajv 8. A line for each thing that is wrong.
const fs = require('fs'), path = require('path');
const Ajv = require(path.resolve(__dirname, '../../build/peers/npm/node_modules/ajv'));
const [schema, ...files] = process.argv.slice(2);
const check = new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false }).compile(JSON.parse(fs.readFileSync(schema, 'utf8')));
let wrong = 0;
for (const f of files) {
    if (check(JSON.parse(fs.readFileSync(f, 'utf8')))) continue;
    for (const e of check.errors) console.log(`${path.basename(f)}${e.instancePath}: ${e.message}`);
    wrong++;
}
process.exit(wrong ? 1 : 0);
