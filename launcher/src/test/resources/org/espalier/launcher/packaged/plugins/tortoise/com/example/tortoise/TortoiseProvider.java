package com.example.tortoise;

import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.testkit.reference.ReferenceBackend;

/** Computes with testkit's reference backend, and claims to be the best. */
public final class TortoiseProvider implements BackendProvider {
  private static final BackendId ID = new BackendId("tortoise");

  @Override
  public BackendId id() {
    return ID;
  }

  @Override
  public String description() {
    return "slow and sure";
  }

  @Override
  public int preference() {
    return 1000;
  }

  @Override
  public Offer<Backend> open(Context context) {
    return Offer.accepted(new Tortoise(ReferenceBackend.create()));
  }

  private record Tortoise(Backend legs) implements Backend {
    @Override
    public BackendId id() {
      return ID;
    }

    @Override
    public String device() {
      return "four legs";
    }

    @Override
    public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
      return legs.footprint(plan, options, session);
    }

    @Override
    public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
      return legs.compile(plan, options);
    }

    @Override
    public void close() {
      legs.close();
    }
  }
}
