package org.espalier.runtime.loading;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;

/** Asks formats whether a file is theirs. */
public final class Formats {
  private Formats() {}

  /**
   * A file that was opened.
   *
   * @param format whose kind it is
   * @param artifact to be closed by the caller
   */
  public record Opened(ModelFormat format, ModelArtifact artifact) {}

  /** As {@link #find}, for those who do not ask which format it is. */
  public static ModelArtifact open(Path path, List<ModelFormat> formats) {
    return find(path, formats).artifact();
  }

  /**
   * Opens a file by the first format that accepts it.
   *
   * @throws InvalidRequest when there is no such file
   * @throws Unsupported when no format accepts it, with all reasons
   */
  public static Opened find(Path path, List<ModelFormat> formats) {
    if (Files.notExists(path)) {
      throw new InvalidRequest("there is no file " + path);
    }
    Refusals refusals = new Refusals();
    for (ModelFormat format : formats) {
      switch (format.open(path)) {
        case Offer.Accepted<ModelArtifact>(ModelArtifact artifact) -> {
          return new Opened(format, artifact);
        }
        case Offer.Declined<ModelArtifact>(String reason) -> refusals.add(format.id(), reason);
      }
    }
    throw new Unsupported(
        "%s is no model file that can be read here (%s)"
            .formatted(path, refusals.or("no format is installed")));
  }
}
