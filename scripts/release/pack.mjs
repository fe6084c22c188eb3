// `npm run package`: makes the tarballs of a release and their SBOMs in npm/, from the addons that `build:release` put
// there. All packages are made in one run, so that their versions agree.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { build, transformSync } from 'esbuild'
import { notices } from './notices.mjs'
import { CHECKOUT, manifest, PLATFORMS, STAGE } from './platforms.mjs'
import { run } from './run.mjs'
import { addonSbom, mainSbom } from './sbom.mjs'

const { name, version, license, engines } = manifest

/** The fields of every package. */
const COMMON = { version, license, engines, repository: repository() }

/** Fields that only the checkout needs; `private` keeps npm from publishing the checkout. */
const CHECKOUT_ONLY = ['private', 'devDependencies', 'overrides', 'scripts', 'napi']

/** The oldest Node, for esbuild. */
const TARGET = `node${engines.node.match(/\d+/)}`

/**
 * npm compares `repository` with the workflow that publishes: a fork, or a repository that was
 * renamed, publishes under its own address.
 */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: path } = process.env
  return path ? { type: 'git', url: `git+${server}/${path}.git` } : manifest.repository
}

/**
 * A platform package: its addon and the licences of its crates. Without the addon, only package.json
 * is written: the tests need it to describe a platform that is not built here.
 */
function packPlatform(target) {
  const { triple, name: platform, os, cpu, libc, packageName, folder, file, addon } = target
  write(folder, 'package.json', {
    name: packageName,
    description: `The addon of ${name} for ${platform}`,
    ...COMMON,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    main: file,
    files: [file, 'THIRD-PARTY-NOTICES.txt'],
  })
  if (!existsSync(addon)) {
    console.log(`${packageName}: not packed, because its addon is not built`)
    return
  }
  write(folder, 'README.md', `The addon of ${name} for ${platform}: install \`${name}\`.\n`)
  write(folder, 'THIRD-PARTY-NOTICES.txt', notices(triple))
  copyFileSync(join(CHECKOUT, 'LICENSE'), join(folder, 'LICENSE'))
  pack(folder)
  addonSbom(target, version)
}

/** The package velt-auth: the JavaScript. It names all platform packages of its own version. */
async function packMain() {
  const folder = join(STAGE, name)
  rmSync(folder, { recursive: true, force: true })
  const listing = run('npm', ['pack', '--dry-run', '--json'], { cwd: CHECKOUT, stdio: 'pipe' })
  const bundled = await bundle(folder)
  for (const { path } of onlyPackage(listing).files) {
    // These types of the addon are for the checkout, where they check the JavaScript.
    if (path === 'lib/addon.d.ts' || bundled.includes(path)) continue
    copy(folder, path)
  }
  const published = Object.entries(manifest).filter(([field]) => !CHECKOUT_ONLY.includes(field))
  const optionalDependencies = Object.fromEntries(
    PLATFORMS.map(({ packageName }) => [packageName, version]),
  )
  const packed = { ...Object.fromEntries(published), ...COMMON, optionalDependencies }
  write(folder, 'package.json', packed)
  pack(folder)
  mainSbom(packed)
}

/**
 * Bundles the modules behind the entry points, because finding and reading many small files is a third
 * of the load time. The bundles have no comments. They keep lines and names, so that people can read what
 * they install, except the command line.
 *
 * @returns {Promise<string[]>} the source files that the bundles contain
 */
async function bundle(folder) {
  const inputs = await Promise.all([
    bundleFile(folder, 'lib/client.js'),
    bundleFile(folder, 'lib/handler/handlers.js'),
    bundleFile(folder, 'lib/otel/instrumentation.js', { external: ['@opentelemetry/api'] }),
    bundleFile(folder, 'lib/emulator/emulator.js'),
    bundleFile(folder, 'lib/cli/main.js', {
      banner: { js: '#!/usr/bin/env node' },
      minify: true,
      plugins: [OTHER_BUNDLES],
    }),
  ])
  return inputs.flat()
}

/** Bundles `file` with esbuild. @returns {Promise<string[]>} the source files */
async function bundleFile(folder, file, { external = [], plugins = [], ...options } = {}) {
  const { metafile, outputFiles } = await build({
    // If `file` were the entry point, esbuild would rename functions that it imports.
    stdin: { contents: `module.exports = require('./${file}')`, resolveDir: CHECKOUT },
    absWorkingDir: CHECKOUT,
    bundle: true,
    platform: 'node',
    target: TARGET,
    external: ['velt-auth-*', ...external],
    plugins: [VERSION, ...plugins],
    minifyWhitespace: true,
    metafile: true,
    write: false,
    ...options,
  })
  const [{ text }] = outputFiles
  // Without `minifyWhitespace`, esbuild keeps the comments in classes. So it adds the lines afterwards.
  write(folder, file, options.minify ? text : transformSync(text, { target: TARGET }).code)
  return Object.keys(metafile.inputs)
}

/** esbuild's plugin that compiles the version in. */
const VERSION = {
  name: 'version',
  setup({ onLoad }) {
    const json = { contents: JSON.stringify({ version }), loader: 'json' }
    onLoad({ filter: /package\.json$/ }, () => json)
  },
}

/** esbuild's plugin for the command line, in lib/cli/, which requires other bundles. */
const OTHER_BUNDLES = {
  name: 'other-bundles',
  setup({ onResolve }) {
    onResolve({ filter: /\/(client|emulator\/index)\.js$/ }, ({ path }) => {
      return { path: path.replace(/^(\.\.\/)+/, '../'), external: true }
    })
  },
}

/** Copies a file of the package; JavaScript without comments. */
function copy(folder, path) {
  const text = readFileSync(join(CHECKOUT, path), 'utf8')
  write(folder, path, /\.m?js$/.test(path) ? transformSync(text, { target: TARGET }).code : text)
}

function write(folder, file, content) {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`
  writeFileSync(join(folder, file), text)
}

function pack(folder) {
  const args = ['pack', folder, '--json', '--pack-destination', STAGE]
  const listed = onlyPackage(run('npm', args, { stdio: 'pipe' }))
  console.log(`${listed.filename}: ${listed.size} bytes, ${listed.unpackedSize} unpacked`)
  for (const { path, size } of listed.files) console.log(`  ${path} ${size}`)
}

/** npm prints an array of packages; from version 12 on, an object with their names as keys. */
function onlyPackage(listing) {
  return Object.values(JSON.parse(listing))[0]
}

for (const made of readdirSync(STAGE).filter((file) => /\.(tgz|cdx\.json)$/.test(file))) {
  rmSync(join(STAGE, made))
}
PLATFORMS.forEach(packPlatform)
await packMain()
