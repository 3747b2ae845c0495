/** A backend of a third party: slow and sure. */
module com.example.tortoise {
  requires org.espalier.testkit;

  provides org.espalier.api.backend.BackendProvider with
      com.example.tortoise.TortoiseProvider;
}
