// Compiles the contracts of both folders into JSON files; the same source and compiler give the same bytes.
const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const folders = [__dirname, path.join(__dirname, "../../evm/contracts")];
const files = folders.flatMap((folder) =>
  fs.readdirSync(folder).filter((name) => name.endsWith(".sol")).map((name) => path.join(folder, name)));
const sources = files.map((file) => [path.basename(file), { content: fs.readFileSync(file, "utf8") }]);
const output = JSON.parse(solc.compile(JSON.stringify({
  language: "Solidity",
  sources: Object.fromEntries(sources),
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: "paris",
    metadata: { bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
  },
})));

for (const problem of output.errors ?? []) console.error(problem.formattedMessage);
if ((output.errors ?? []).length) process.exit(1); // Warnings too: these contracts have none.

// Whoever changes a source and forgets to compile it is told so by a test.
const digest = (text) => crypto.createHash("sha256").update(text).digest("hex");

for (const file of files) {
  const folder = path.dirname(file), name = path.basename(file, ".sol");
  const { abi, evm } = output.contracts[path.basename(file)][name];
  const beside = sources.filter(([other]) => fs.existsSync(path.join(folder, other)));
  const sha256 = Object.fromEntries(beside.map(([other, { content }]) => [other, digest(content)]));
  const code = folder === __dirname ? { bytecode: evm.bytecode } : { deployedBytecode: evm.deployedBytecode };
  const [[kind, { object }]] = Object.entries(code);
  const made = { contractName: name, compiler: solc.version(), sha256, abi, [kind]: "0x" + object };
  fs.writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(made, null, 1) + "\n");
  console.log(`${name}: ${object.length / 2} bytes`);
}
