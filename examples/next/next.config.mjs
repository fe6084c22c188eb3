export default {
  // The addon is for Node to load, not for a bundler.
  serverExternalPackages: ['velt-auth'],
  // This folder has a lock file of its own, and is inside of another that has one too.
  turbopack: { root: import.meta.dirname },
}
