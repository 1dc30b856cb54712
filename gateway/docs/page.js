"use strict";

const reference = document.getElementById("reference");

SwaggerUIBundle({
  url: reference.dataset.openapi,
  domNode: reference,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  validatorUrl: null,
});
