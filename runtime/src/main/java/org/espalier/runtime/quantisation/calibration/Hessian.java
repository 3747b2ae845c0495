package org.espalier.runtime.quantisation.calibration;

import org.espalier.api.math.FloatMatrix;

/**
 * The second moment of a linear's inputs, mean of x xᵀ.
 *
 * @param matrix n × n, symmetric
 * @param tokens that were seen at its site: 0 when the layer's mean stands in for it
 */
public record Hessian(FloatMatrix matrix, long tokens) {}
