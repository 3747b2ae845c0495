package org.espalier.runtime.loading;

import java.nio.file.Path;
import java.util.function.Function;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;

/** A format that answers as a test wants it to. */
public record MemoryFormat(String id, Function<Path, Offer<ModelArtifact>> opening)
    implements ModelFormat {
  @Override
  public Offer<ModelArtifact> open(Path path) {
    return opening.apply(path);
  }
}
