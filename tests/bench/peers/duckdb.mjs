// DuckDB for peers.py: each line of stdin is one SQL statement as a JSON string, each line of stdout its answer:
// {"ms": 1.5, "rows": [["…", …], …]} or {"error": "…"}. The time is that of the statement with all its rows fetched.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , packages, database, threads] = process.argv;
const { DuckDBInstance } = await import(pathToFileURL(createRequire(`${packages}/`).resolve('@duckdb/node-api')));
const instance = await DuckDBInstance.create(database, { threads });
const connection = await instance.connect();
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const began = performance.now();
    const reader = await connection.runAndReadAll(JSON.parse(line));
    const ms = performance.now() - began;
    answer = { ms, rows: reader.getRowsJson().map((row) => row.map((v) => (v === null ? '' : String(v)))) };
  } catch (e) {
    answer = { error: String(e.message ?? e) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
connection.closeSync();
instance.closeSync();
