fetch('/api/products')
  .then((response) => response.json())
  .then((products) => {
    document.getElementById('products').innerHTML = products.map((product) => `<li>${product.name}</li>`).join('');
  });
