package org.espalier.format.gguf;

import java.nio.file.Path;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;

/**
 * The GGUF container: versions 2 and 3, little-endian, one file.
 *
 * <p>A file is untrusted. It is mapped, never loaded; every count, length, offset and alignment is
 * checked against the file before anything is allocated for it.
 */
public final class GgufFormat implements ModelFormat {

  /** Made by the service loader. */
  public GgufFormat() {}

  @Override
  public String id() {
    return "gguf";
  }

  /**
   * {@inheritDoc}
   *
   * <p>Declines what does not begin with {@code GGUF}, empty files and folders.
   *
   * @throws org.espalier.api.EspalierException.InvalidRequest when there is no such file
   * @throws org.espalier.api.EspalierException.Unsupported for another version, a big-endian file
   *     and one part of a split file
   */
  @Override
  public Offer<ModelArtifact> open(Path path) {
    return GgufReader.open(path);
  }

  /**
   * {@inheritDoc}
   *
   * <p>Writes version 3 with the alignment that the metadata state, or 32.
   *
   * @throws org.espalier.api.EspalierException.InvalidRequest when a value does not fit its type,
   *     or the place is no place for a file
   * @throws org.espalier.api.EspalierException.DeviceFailure when the disk is full or refuses
   */
  @Override
  public Offer<ModelWriter> create(Path path, Metadata metadata) {
    return Offer.accepted(new GgufWriter(path, metadata));
  }
}
