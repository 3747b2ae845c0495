package org.espalier.format.gguf;

import java.nio.file.Path;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;

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
}
