// The platform packages: no checkout has them.
declare module 'velt-auth-*'
