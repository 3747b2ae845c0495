package org.espalier.format.gguf;

import java.nio.file.Path;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;

/** The GGUF container. */
public final class GgufFormat implements ModelFormat {
  @Override
  public String id() {
    return "gguf";
  }

  @Override
  public Offer<ModelArtifact> open(Path path) {
    return Offer.declined("not yet written");
  }
}
