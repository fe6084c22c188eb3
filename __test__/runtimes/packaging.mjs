// `npm run test:packaging -- [name …]`: tests the packed package with package managers, bundlers and
// tools that make single executables. Without names, it writes the table to docs/packaging.md.

import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECKOUT, manifest } from '../../scripts/release/platforms.mjs'
import { npm } from '../../scripts/release/tools.mjs'
import { copyChecks, finish, makeTable, smoke } from './table.mjs'

const NODE = process.execPath

/** The program of an npm package that is downloaded into target/tools. */
const tool = (name, version, path) =>
  join(npm(name.replace(/\W+/g, '-'), { [name]: version }), 'node_modules', name, path)
const pnpm = () => tool('pnpm', '10', 'bin/pnpm.cjs')
const yarn = () => tool('@yarnpkg/cli-dist', '4', 'bin/yarn.js')
const bun = () => tool('@oven/bun-linux-x64', '1', 'bin/bun')
const rollup = () => tool('rollup', '4', 'dist/bin/rollup')
const postject = () => tool('postject', '1.0.0-alpha.6', 'dist/cli.js')
const ESBUILD = join(CHECKOUT, 'node_modules/esbuild/bin/esbuild')
const VITE = join(CHECKOUT, 'node_modules/vite/bin/vite.js')

/** Writes package.json, other files and the checks into a folder. */
function writeApp(folder, files = {}) {
  mkdirSync(folder, { recursive: true })
  const app = { name: 'app', private: true, dependencies: { 'velt-auth': manifest.version } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(app))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  copyChecks(folder)
  return folder
}

/** Runs a command that must succeed. */
async function succeed(command, folder) {
  const { stdout, ended, lastLine } = await finish(command, folder)
  if (ended !== 0) throw new Error(`${command.slice(0, 2).join(' ')}: ${lastLine || stdout}`)
  return stdout.trim()
}

async function withPnpm(release, linker) {
  const folder = await release.project(`pnpm-${linker}`)
  writeApp(folder, { '.npmrc': `registry=${release.url}\nnode-linker=${linker}\n` })
  await release.node(folder, pnpm(), 'install')
  return await smoke([NODE, 'smoke.mjs'], folder)
}

/** `linker` is `pnp` (without node_modules) or `node-modules`. */
async function withYarn(release, linker) {
  const folder = await release.project(`yarn-${linker}`)
  const settings = {
    nodeLinker: linker,
    npmRegistryServer: release.url,
    unsafeHttpWhitelist: ['127.0.0.1'],
    enableTelemetry: false,
    // Without this, `import` does not find packages.
    pnpEnableEsmLoader: true,
    enableGlobalCache: false,
    // The release is a few seconds old. By default, Yarn installs only older ones.
    npmMinimalAgeGate: 0,
  }
  writeApp(folder, { '.yarnrc.yml': JSON.stringify(settings), 'yarn.lock': '' })
  await release.node(folder, yarn(), 'install')
  return await smoke([NODE, yarn(), 'node', 'smoke.mjs'], folder)
}

async function withBun(release) {
  const folder = await release.project('bun-install')
  writeApp(folder, { 'bunfig.toml': `[install]\nregistry = "${release.url}"\ncache = "cache"\n` })
  await succeed([bun(), 'install'], folder)
  return await smoke([NODE, 'smoke.mjs'], folder)
}

async function withNpmWorkspaces(release) {
  const folder = await release.project('workspaces')
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "workspaces": ["packages/*"] }')
  const app = writeApp(join(folder, 'packages', 'app'))
  await release.npm(folder, 'install')
  return await smoke([NODE, 'smoke.mjs'], app)
}

/** Bundles `smoke.mjs` into dist/ with the command `build`, and runs the bundle. */
async function bundled(release, name, build, files, output = 'dist/app.mjs') {
  const folder = writeApp(await release.project(name.replace(/\W+/g, '-')), files)
  await release.npm(folder, 'install')
  await succeed(build, folder)
  return await smoke([NODE, output], folder)
}

const BUNDLED = [ESBUILD, 'smoke.mjs', '--bundle', '--platform=node']

const withWebpack = (release) => {
  const packages = npm('webpack', { webpack: '5', 'webpack-cli': '6' })
  const config = `module.exports = {
    mode: 'production',
    target: 'node',
    entry: './smoke.mjs',
    output: { filename: 'app.cjs', path: __dirname + '/dist' },
    externals: ['velt-auth'],
    externalsType: 'commonjs',
  }`
  const build = [NODE, join(packages, 'node_modules/webpack/bin/webpack.js'), '--config', 'w.cjs']
  return bundled(release, 'webpack', build, { 'w.cjs': config }, 'dist/app.cjs')
}

/** The addon's file of an installed package. */
function addonOf(folder) {
  const modules = join(folder, 'node_modules')
  const name = readdirSync(modules).find((entry) => entry.startsWith('velt-auth-'))
  const file = readdirSync(join(modules, name)).find((entry) => entry.endsWith('.node'))
  return join(modules, name, file)
}

/**
 * Makes an executable with `compile`, and moves it with the addon into an empty folder, where it runs.
 * `require` is not checked, because an executable has no node_modules to require from.
 */
async function executable(release, name, compile) {
  const folder = writeApp(await release.project(name))
  await release.npm(folder, 'install')
  await compile(folder)
  const target = await release.project(`${name}-alone`)
  copyFileSync(join(folder, 'app'), join(target, 'app'))
  copyFileSync(addonOf(folder), join(target, 'velt-auth.node'))
  chmodSync(join(target, 'app'), 0o755)
  const command = ['env', 'VELT_AUTH_ADDON=velt-auth.node', './app']
  return { ...(await smoke(command, target)), require: 'n/a' }
}

async function nodeExecutable(folder) {
  const define = '--define:import.meta.url=__filename'
  await succeed([...BUNDLED, define, '--external:velt-auth-*', '--outfile=app.cjs'], folder)
  const config = { main: 'app.cjs', output: 'app.blob', disableExperimentalSEAWarning: true }
  writeFileSync(join(folder, 'sea.json'), JSON.stringify(config))
  await succeed([NODE, '--experimental-sea-config', 'sea.json'], folder)
  copyFileSync(NODE, join(folder, 'app'))
  const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
  const inject = ['app', 'NODE_SEA_BLOB', 'app.blob', '--sentinel-fuse', fuse]
  await succeed([NODE, postject(), ...inject], folder)
}

const bunExecutable = (folder) =>
  succeed(
    [bun(), 'build', '--compile', 'smoke.mjs', '--external', 'velt-auth-*', '--outfile', 'app'],
    folder,
  )

await makeTable({
  document: 'packaging.md',
  introduction: `# Package managers, bundlers and executables

Each row of the table is a tool, and each column is one of [the checks](https://github.com/velt-auth/velt-auth/blob/main/__test__/runtimes/checks.cjs).
The column \`version\` is the version of the runtime that ran the result. \`npm run test:packaging\`
downloads the tools, runs the checks and writes the table. \`n/a\` means that the check does not apply.
[Installing](install.md#bundlers) has the settings.`,
  rows: [
    { name: 'npm workspaces', run: withNpmWorkspaces },
    { name: 'pnpm 10, isolated', run: (release) => withPnpm(release, 'isolated') },
    { name: 'pnpm 10, hoisted', run: (release) => withPnpm(release, 'hoisted') },
    { name: 'Yarn 4, Plug’n’Play', run: (release) => withYarn(release, 'pnp') },
    { name: 'Yarn 4, node_modules', run: (release) => withYarn(release, 'node-modules') },
    { name: 'Bun 1, `bun install`', run: withBun },
    {
      name: 'esbuild, `velt-auth` external',
      run: (release) =>
        bundled(release, 'esbuild', [
          ...BUNDLED,
          '--format=esm',
          '--external:velt-auth',
          '--outfile=dist/app.mjs',
        ]),
    },
    {
      name: 'Rollup 4, `velt-auth` external',
      run: (release) =>
        bundled(
          release,
          'rollup',
          [
            ...[NODE, rollup(), 'smoke.mjs', '--format=es', '--file=app.mjs'],
            '--external=velt-auth,node:module,./checks.cjs',
          ],
          {},
          'app.mjs',
        ),
    },
    { name: 'webpack 5, `velt-auth` external', run: withWebpack },
    {
      name: 'Vite 8, `vite build --ssr`',
      run: (release) =>
        bundled(release, 'vite', [NODE, VITE, 'build', '--ssr', 'smoke.mjs'], {}, 'dist/smoke.mjs'),
    },
    {
      name: 'Node single executable',
      run: (release) => executable(release, 'sea', nodeExecutable),
    },
    {
      name: '`bun build --compile`',
      run: (release) => executable(release, 'bun-compile', bunExecutable),
    },
  ],
})
