package org.espalier.runtime.quantisation.pipeline;

import java.util.Optional;
import org.espalier.api.math.FloatMatrix;
import org.espalier.runtime.quantisation.calibration.Hessian;

/**
 * What counts for a matrix.
 *
 * @param inputs how errors of two columns count together
 * @param outputs how errors of two rows do; empty: not at all, and all rows alike
 */
record UnitMoments(Hessian inputs, Optional<FloatMatrix> outputs) {}
