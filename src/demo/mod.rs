//! `bauta demo`: the main job on a throwaway server.
