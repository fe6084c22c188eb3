export default {
  // Node must load the addon: a bundler cannot.
  serverExternalPackages: ['velt-auth'],
  // This folder and its parent both have a lock file: this is the root of the app.
  turbopack: { root: import.meta.dirname },
}
