package org.espalier.runtime.quantisation.pipeline;

import java.nio.file.Path;
import java.util.Optional;
import org.espalier.api.math.Parallel;
import org.espalier.runtime.quantisation.MatrixQuantizer;
import org.espalier.runtime.quantisation.calibration.HessianPolicy;

/**
 * How to quantise a model.
 *
 * @param seed of the signs
 * @param policy which Hessian an expert gets
 * @param damping share of the mean of a Hessian's diagonal that is added to it
 * @param refinements passes over all tiles after BlockLDLQ; 0 is the algorithm as published
 * @param recipe what else is done to lose less
 * @param compatible whether the file has only the keys that the published one has, and F32
 *     embeddings
 * @param embeddings how token table and head are stored; where empty, BF16 if that loses nothing,
 *     else F32
 * @param name of the model; the source's where empty
 * @param resume whether to go on with work that was broken off
 * @param restart whether to throw such work away
 * @param hessians a folder of saved Hessians: read if it is complete, else filled
 * @param threads at least 1
 * @param shard the matrices to quantise, without making a file; all where empty
 */
public record QuantizationOptions(
    long seed,
    HessianPolicy policy,
    double damping,
    int refinements,
    Recipe recipe,
    boolean compatible,
    Optional<EmbeddingType> embeddings,
    Optional<String> name,
    boolean resume,
    boolean restart,
    Optional<Path> hessians,
    int threads,
    Optional<Shard> shard) {

  /** What quantises single matrices so. */
  MatrixQuantizer quantizer(QuantizationTools tools, Parallel parallel) {
    return new MatrixQuantizer(
        tools.algebra(), tools.search(), parallel, refinements, recipe.scaling());
  }

  /** The same with another recipe. */
  QuantizationOptions with(Recipe other) {
    return new QuantizationOptions(
        seed,
        policy,
        damping,
        refinements,
        other,
        compatible,
        embeddings,
        name,
        resume,
        restart,
        hessians,
        threads,
        shard);
  }
}
