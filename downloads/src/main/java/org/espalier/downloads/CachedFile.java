package org.espalier.downloads;

import java.nio.file.Path;

/**
 * A file of the cache.
 *
 * @param repository {@code user/model}
 * @param name in the repository
 * @param path where it lies
 * @param size bytes
 * @param checksum what it was checked against, such as {@code "SHA-256 …"}
 * @param commit of the repository that it is from
 * @param complete false for what an interrupted download has left
 */
public record CachedFile(
    String repository,
    String name,
    Path path,
    long size,
    String checksum,
    String commit,
    boolean complete) {}
