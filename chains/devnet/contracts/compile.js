// Compiles the contracts beside it into JSON files; the same source and compiler give the same bytes.
const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const names = fs.readdirSync(__dirname).filter((name) => name.endsWith(".sol"));
const sources = names.map((name) => [name, { content: fs.readFileSync(path.join(__dirname, name), "utf8") }]);
const output = JSON.parse(solc.compile(JSON.stringify({
  language: "Solidity",
  sources: Object.fromEntries(sources),
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: "paris",
    metadata: { bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
})));

for (const problem of output.errors ?? []) console.error(problem.formattedMessage);
if ((output.errors ?? []).length) process.exit(1); // Warnings too: these contracts have none.

// Whoever changes a source and forgets to compile it is told so by a test.
const digest = (text) => crypto.createHash("sha256").update(text).digest("hex");
const sha256 = Object.fromEntries(sources.map(([name, source]) => [name, digest(source.content)]));

for (const file of names) {
  const name = path.basename(file, ".sol");
  const { abi, evm } = output.contracts[file][name];
  const made = { contractName: name, compiler: solc.version(), sha256, abi, bytecode: "0x" + evm.bytecode.object };
  fs.writeFileSync(path.join(__dirname, `${name}.json`), JSON.stringify(made, null, 1) + "\n");
  console.log(`${name}: ${evm.bytecode.object.length / 2} bytes`);
}
