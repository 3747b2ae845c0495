package org.espalier.runtime.quantisation.pipeline;

import java.util.Optional;
import org.espalier.api.backend.BackendId;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.runtime.Providers;

/**
 * Who does what.
 *
 * @param providers to read the model and to run its layers
 * @param backend that runs them; the best where empty
 * @param codec that the matrices get
 * @param search for its codes
 * @param algebra for Hessians
 * @param format of the new file
 */
public record QuantizationTools(
    Providers providers,
    Optional<BackendId> backend,
    Codec codec,
    TileQuantizer search,
    LinearAlgebra algebra,
    ModelFormat format) {}
