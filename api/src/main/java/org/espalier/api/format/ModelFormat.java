package org.espalier.api.format;

import java.nio.file.Path;
import org.espalier.api.Offer;

/** A service: one kind of model file. */
public interface ModelFormat {

  /**
   * Its name, lower case: {@code "gguf"}. Two formats of one name on the module path are an error.
   */
  String id();

  /**
   * Opens a file for reading.
   *
   * @return declined when the file is of another kind
   * @throws org.espalier.api.EspalierException.MalformedModel when it is of this kind but broken
   * @throws org.espalier.api.EspalierException.Unsupported when it is of this kind, in a form that
   *     this format does not read
   * @throws org.espalier.api.EspalierException.InvalidRequest when there is no such file
   * @throws org.espalier.api.EspalierException.DeviceFailure when it cannot be read at all
   */
  Offer<ModelArtifact> open(Path path);

  /**
   * Begins a new file; what was there stays until the writer is done.
   *
   * @return declined by formats that only read
   */
  default Offer<ModelWriter> create(Path path, Metadata metadata) {
    return Offer.declined("the format " + id() + " only reads");
  }
}
