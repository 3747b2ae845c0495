package org.espalier.runtime;

import java.util.List;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.codec.Codec;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.model.Architecture;

/**
 * Everything that plugs in, as found by whoever composes the program.
 *
 * @param formats of model files
 * @param codecs of weights
 * @param architectures of models
 * @param backends to run them
 */
public record Providers(
    List<ModelFormat> formats,
    List<Codec> codecs,
    List<Architecture> architectures,
    List<BackendProvider> backends) {
  public Providers {
    formats = List.copyOf(formats);
    codecs = List.copyOf(codecs);
    architectures = List.copyOf(architectures);
    backends = List.copyOf(backends);
  }
}
