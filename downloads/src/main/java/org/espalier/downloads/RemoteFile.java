package org.espalier.downloads;

/**
 * A file that the hub offers.
 *
 * @param name safe to be a path
 * @param size bytes
 * @param checksum of them
 */
record RemoteFile(String name, long size, Checksum checksum) {}
